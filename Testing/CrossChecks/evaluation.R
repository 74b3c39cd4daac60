# What R (pROC and the packages of base R) says about tables of two models:
#   Rscript evaluation.R TABLES.csv OUT.csv [REPLICATES SEED]
# TABLES.csv has the columns table, label, a, b; OUT.csv gets table, name, value with all digits. With REPLICATES also
# bootstrap intervals and tests. Testing/Library/evaluation/test_against_r.py compares them with ours.
suppressMessages(library(pROC))
options(warn = -1)

arguments <- commandArgs(trailingOnly = TRUE)
tables <- read.csv(arguments[1])
replicates <- if (length(arguments) > 2) as.integer(arguments[3]) else 0
found <- list()

put <- function(table, name, value) {
  found[[length(found) + 1]] <<- data.frame(
    table = table, name = name, value = sprintf("%.17g", as.numeric(value)))
}
attempt <- function(expression) tryCatch(expression, error = function(e) NA)

one_model <- function(table, name, curve) {
  put(table, paste0("auc_", name), auc(curve))
  put(table, paste0("variance_", name), attempt(var(curve, method = "delong")))
  interval <- attempt(ci.auc(curve, method = "delong"))
  put(table, paste0("low_", name), if (length(interval) > 1) interval[1] else NA)
  put(table, paste0("high_", name), if (length(interval) > 1) interval[3] else NA)
  for (at in c(.05, .3, .5, .8, .9, .95, 1)) {
    put(table, paste0("specificity_at_", at, "_", name), coords(curve, at, "sensitivity", ret = "specificity")[1, 1])
    put(table, paste0("sensitivity_at_", at, "_", name), coords(curve, at, "specificity", ret = "sensitivity")[1, 1])
  }
  for (focus in c("specificity", "sensitivity")) for (range in list(c(1, .8), c(.95, .7), c(.5, 0))) {
    label <- paste(focus, range[1], range[2], name, sep = "_")
    area <- function(correct) auc(curve, partial.auc = range, partial.auc.focus = focus, partial.auc.correct = correct)
    put(table, paste0("partial_", label), area(FALSE))
    put(table, paste0("corrected_", label), area(TRUE))
  }
  for (rule in c("youden", "closest.topleft")) {
    best <- coords(curve, "best", best.method = rule, ret = c("sensitivity", "specificity"))
    best <- best[which.max(best$sensitivity), ]
    put(table, paste0(rule, "_sensitivity_", name), best$sensitivity)
    put(table, paste0(rule, "_specificity_", name), best$specificity)
  }
}

two_models <- function(table, data, a, b) {
  put(table, "covariance", attempt(cov(a, b, method = "delong")))
  test <- attempt(roc.test(a, b, method = "delong", paired = TRUE))
  put(table, "z", if (is.list(test)) test$statistic else NA)
  put(table, "p", if (is.list(test)) test$p.value else NA)
  signed <- attempt(wilcox.test(data$a, data$b, paired = TRUE, exact = FALSE, correct = FALSE))
  put(table, "wilcoxon_p", if (is.list(signed)) signed$p.value else NA)
  put(table, "wilcoxon_statistic", if (is.list(signed)) signed$statistic else NA)
  right <- function(scores) factor((scores >= .5) == (data$label == 1), c(FALSE, TRUE))
  put(table, "mcnemar_p", attempt(mcnemar.test(right(data$a), right(data$b))$p.value))
  discordant <- c(sum(right(data$a) == TRUE & right(data$b) == FALSE), sum(right(data$a) == FALSE & right(data$b) == TRUE))
  put(table, "mcnemar_exact", if (sum(discordant)) binom.test(discordant[1], sum(discordant))$p.value else 1)
}

resampled <- function(table, a, b) {
  set.seed(as.integer(arguments[4]))
  quiet <- list(name = "none")
  put(table, "bootstrap_auc", ci.auc(a, method = "bootstrap", boot.n = replicates, progress = "none")[c(1, 3)])
  put(table, "bootstrap_specificity", ci.sp(a, .95, boot.n = replicates, progress = "none")[1, c(1, 3)])
  put(table, "bootstrap_sensitivity", ci.se(a, .9, boot.n = replicates, progress = "none")[1, c(1, 3)])
  test <- roc.test(a, b, method = "bootstrap", boot.n = replicates, progress = "none")
  put(table, "bootstrap_z", test$statistic)
  test <- roc.test(a, b, method = "sensitivity", sensitivity = .9, boot.n = replicates, progress = "none")
  put(table, "bootstrap_z_at_sensitivity", test$statistic)
}

for (table in unique(tables$table)) {
  data <- tables[tables$table == table, ]
  curve <- function(scores) roc(data$label, scores, levels = c(0, 1), direction = "<", quiet = TRUE)
  a <- curve(data$a)
  b <- curve(data$b)
  if (replicates) {
    resampled(table, a, b)
  } else {
    one_model(table, "a", a)
    one_model(table, "b", b)
    two_models(table, data, a, b)
  }
}
if (!replicates) {
  p <- c(.01, .04, .03, .005, .2, .04)
  put(-1, "holm", p.adjust(p, "holm"))
}
write.csv(do.call(rbind, found), arguments[2], row.names = FALSE, quote = FALSE)
