"""Recipes that come with the library: one YAML file each, read by `training.load_recipe("<name>")`.

wang2024-* follow the paper to the letter, `fusion` is the product's own, demo* are small ones for two CPU cores.
"""

__all__: list[str] = []
