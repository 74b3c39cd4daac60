"""Section 2: lesions outlined by a click or by hand, measured while that is done."""
