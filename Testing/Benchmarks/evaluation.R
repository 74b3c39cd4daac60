# The work of evaluation.py done by pROC, timed: Rscript evaluation.R TABLE.csv REPLICATES
# TABLE.csv has a column label and one a model. Prints lines of name, seconds on the clock and of
# processor time: the work of one model and of one pair of models; the others take the same.
suppressMessages(library(pROC))
options(warn = -1)
arguments <- commandArgs(trailingOnly = TRUE)
table <- read.csv(arguments[1])
replicates <- as.integer(arguments[2])
models <- setdiff(names(table), "label")
timed <- function(name, expression) {
  used <- system.time(expression)
  cat(name, used[["elapsed"]], used[["user.self"]] + used[["sys.self"]], "\n")
}

timed("curves", curves <- lapply(models, function(m)
  roc(table$label, table[[m]], levels = c(0, 1), direction = "<", quiet = TRUE)))
timed("delong", ci.auc(curves[[1]], method = "delong"))
if (replicates) {
  timed("auc", ci.auc(curves[[1]], method = "bootstrap", boot.n = replicates, progress = "none"))
  timed("specificity", ci.sp(curves[[1]], .95, boot.n = replicates, progress = "none"))
  timed("auc_difference",
    roc.test(curves[[1]], curves[[2]], method = "bootstrap", boot.n = replicates, progress = "none"))
  timed("specificity_difference", roc.test(curves[[1]], curves[[2]], method = "sensitivity", sensitivity = .95,
    boot.n = replicates, progress = "none"))
}
cat("version", as.character(packageVersion("pROC")), "-\n")
