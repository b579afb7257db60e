project = "Lathe"
extensions = ["sphinx.ext.todo", "sphinx_copybutton"]
html_theme = "furo"
