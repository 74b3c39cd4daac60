"""What the views show: layouts, images made for the eyes, overlays."""
