"""Copies a notebook with a faulty line at the end of its third code cell."""

import json
import sys

source, target, fault = sys.argv[1:]
with open(source, encoding="utf-8") as file:
    notebook = json.load(file)
cell = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"][2]
cell["source"].append("\n" + fault)
cell["metadata"] = {}
notebook["cells"] = notebook["cells"][: notebook["cells"].index(cell) + 1]
with open(target, "w", encoding="utf-8") as file:
    json.dump(notebook, file)
