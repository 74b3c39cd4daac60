"""The words that technologists and vendors put into series descriptions, and what they mean.

Written against the descriptions of six public breast MRI collections (about 1,400 different ones). Descriptions are
compared in lower case, with underscores as spaces. The first line that matches wins, so the order is part of the
rules: what was computed from another series comes before what names that series, a localizer before the technique
it was made with, T2 before T1.
"""

from __future__ import annotations

from BreastFusionLib.exam.model import Role

__all__ = ["GRADIENT_ECHO", "IMAGE_TYPES", "WORDS"]

# 3-D gradient echo techniques: what breast DCE is made with, and fat-suppressed T1 volumes before or after it.
GRADIENT_ECHO = (
    r"vibe|vibran|thrive|lava|fl ?3d|t13dfl|flash|spgr|3d ?f?gre|gradient echo|quick ?3d|fs3d|3dsag6|tigre|mdixon|"
    r"3d (?:sag )?fat ?sat|3d[ -]sag[ -]fs"
)
_BEFORE_OR_AFTER = r"\bmask|\bpre\b|\bpost ?#?\d*\b|\bnativ|\bnach km\b"

WORDS: tuple[tuple[Role, float, str, str], ...] = (
    # Computed from other series.
    ("dce", 0.6, r"original dce", "a cropped copy of the dynamic series"),
    ("derived", 0.9, r"\bregistered\b|\breg cad|resample|motion corr|\bmoco\b", "a registered or resampled copy"),
    ("derived", 0.9, r"(?:\d|\b)sub(?:t|tract\w*)?\d*\b|ce ?\d? ?su\d?\b", "a subtraction"),
    ("derived", 0.9, r"\bmip\b|\bmpr\b|\bpjn\b|projection|\bthick slab", "a projection or a reformat"),
    ("derived", 0.9, r": ?(?:ser|pe ?\d)\b|volser|\btram\b|^cad\b|cad~|summary series|wash ?-?(?:in|out)|\bttp\b|"
     r"ktrans", "a map computed from the dynamic series"),
    ("derived", 0.9, r"^\(?\d+/\d+/|^bind\(|^posdisp|\baverages?$|initialized by", "an arithmetic or re-sorted copy"),
    ("derived", 0.85, r"\b(?:fat|ip|op|in-?phase|out-?phase|opp-?phase|field ?map(?:\(hz\))?) ?:",
     "a fat, in-phase, opposed-phase or field image of a Dixon scan"),
    # Positioning.
    ("localizer", 0.95, r"\bloc\b|locali[sz]|locator|\bscou|survey|\b3 ?-?(?:pl|plane|p)\b|for position|\btest ?bolus",
     "a localizer"),
    # Diffusion, and techniques that no model here reads.
    ("adc", 0.95, r"\b[de]?adc\b|apparent diff", "an apparent diffusion coefficient map"),
    ("dwi", 0.95, r"diffusion|dwi|dwssfse|\bdti\b|\btensor\b|\bivim\b|\bdw\b|ep2d|resolve|\bb ?= ?\d+|trace ?w?\b",
     "diffusion weighting"),
    ("other", 0.8, r"spectro|mrsi|\bsvs\b|b[01] ?map|bold|fiesta|tru ?e? ?fisp|t1 ?map|greast|needle|biopsy|calib|"
     r"asset cal|phantom|\bshim ?map|t2 ?\*|phase contrast|elasto", "not used here"),
    # Explicitly dynamic.
    ("dce", 0.95, r"dyn|multi ?-?phase|\bdce|\bmph\b|\bmp\b|^ph ?\d+/|twist|\btricks|\bdisco\b|perfusion|grasp|"
     r"tt ?= ?\d", "a dynamic (multi-phase) acquisition"),
    ("dce", 0.9, r"\b(?:\d ?(?:st|nd|rd|th)|pre|first|second|third) ?-?pas+\b|^pass ?\d|\bpre ?(?:/|\+|&|and) ?\d*post",
     "a pass before or after contrast"),
    # Weighting by name.
    ("t2", 0.95, r"(?<!pos)t2(?!\*| ?gre)|\bstir|\btirm\b", "T2 or fluid weighting"),
    ("t2", 0.7, r"\b(?:axl?|sag|cor|bil\w*|res|fse)[ -]*ir\b(?![ -]?spgr)|\bir[ -](?:ax|sag|cor)\w*|\bvista\b|"
     r"water ?:|\bhaste\b", "a fluid-weighted sequence by its usual name"),
    # 3-D gradient echo: phases of a dynamic series kept apart, or T1 volumes. Other series of the study decide.
    ("dce", 0.75, rf"^(?=.*(?:{GRADIENT_ECHO}))(?=.*(?:{_BEFORE_OR_AFTER}))(?!.*(?:post delay|non? ?fs|no fat))",
     "a 3-D gradient echo volume named before or after contrast"),
    ("t1", 0.75, r"^(?=.*vibran)(?=.*\+ ?[cf])", "a 3-D gradient echo volume after contrast, apart from the phases"),
    ("dce", 0.6, r"ir[ -]*(?:3dfgre|spgr)|\bfl3d ?(?:t1)? ?(?:sag|rt)|(?:left|right) fl3d|vibrant(?! no)|fs3d|3dsag6d|"
     r"3d ?f?gre|sag,3d|3d with fat|3dfatsat|fl 3d", "the 3-D gradient echo technique of most dynamic series"),
    ("t1", 0.9, r"(?<!pos)t1", "T1 weighting"),
    ("t1", 0.6, rf"{GRADIENT_ECHO}|spin echo", "a technique that is usually T1-weighted"),
    ("t2", 0.6, r"fse\b|\btse\b|t2 ?gre", "a fast spin echo without T1 in its name"),
    # Hardly a name at all.
    ("dce", 0.6, r"^(?:pre|post ?#?\d*|(?:pre|post)[ -]contrast ?#?\d*)\b|^3d$|contrast ?#\d|^ax(?:ial)? 3d pre$|"
     r"^acrin", "named only before or after contrast"),
    ("t1", 0.5, r"\bpost\b|\+ ?c\b|\bgad\b|\bce\b|\bkm\b|\bideal\b", "a volume of a kind that is usually T1-weighted"),
)  # fmt: skip

# Words in (0008,0008) Image Type: set by the scanner's software, surer than what somebody typed.
IMAGE_TYPES: tuple[tuple[Role, frozenset[str], str], ...] = (
    ("adc", frozenset({"ADC", "ADC_UNSPECIFIED"}), "an apparent diffusion coefficient map"),
    ("derived", frozenset({"SUBTRACT", "SUBTRACTION", "SUB", "MIP", "PROJECTION IMAGE", "MPR", "CSA MPR", "CSA MIP",
                           "MEAN", "ADDITION", "FIELD_MAP", "FAT", "IN_PHASE", "OUT_PHASE", "TTP", "WASH_IN",
                           "WASH_OUT"}),
     "computed from another series"),
    ("dwi", frozenset({"DIFFUSION", "TRACEW", "DIFFUSION_TRACEW"}), "diffusion weighting"),
    ("localizer", frozenset({"LOCALIZER"}), "a localizer"),
)  # fmt: skip
