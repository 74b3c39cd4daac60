"""The last section: what is installed, which device works, all exams of a folder."""
