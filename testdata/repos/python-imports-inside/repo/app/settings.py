import json
from pathlib import Path

TITLE = "Tides"
METRES = json.loads((Path(__file__).parent.parent / "docs" / "metres.json").read_text())
