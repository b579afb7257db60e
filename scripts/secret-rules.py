"""Writes gitleaks' rules as a table for internal/secret, with their licence.

usage: secret-rules.py MODULE VERSION > internal/secret/gitleaks_table.go

Descriptions stay out, and the rule of private keys: Slipway's own one also asks for the
key below the first line.
"""

import json
import re
import sys
import tomllib


def allowed(entry):
    out = {
        "paths": entry.get("paths"),
        "regexes": entry.get("regexes"),
        "target": entry.get("regexTarget"),
        "stop": sorted({w.lower() for w in entry.get("stopwords", [])}),
        "all": entry.get("condition", "OR").upper() == "AND",
    }
    if entry.get("commits") and not any(out[k] for k in ("paths", "regexes", "stop")):
        return None
    return {k: v for k, v in out.items() if v}


# Rules whose word is not part of what they match: the whole file is searched.
CONTEXT = ["facebook-access-token"]

# A word of the match itself is cheaper to look for than the name of a product.
WORDS = {"airtable-personnal-access-token": ["pat"]}

# Test keys protect nothing.
ALLOW = {"stripe-access-token": [{"stop": ["_test_"]}]}

END = """(?:[\\x60'"\\s;]|\\\\[nr]|$)"""


def form(entry):
    """What a place of a word has to look like before the pattern is tried there."""
    core = entry["regex"].replace(END, "")
    if entry["id"] in CONTEXT:
        return "whole"
    if re.search(r"""\{0,3\}\)?\(\?:=\|>\|""", core):
        return "value"  # of a variable whose name has the word
    if not re.search(r"""\\[sS]|[ "<]|(?<!\\)\.[*{]""", core):
        return "token"  # without spaces and quotes
    return None


def rule(entry):
    out = {
        "id": entry["id"],
        "regex": entry["regex"],
        "path": entry.get("path"),
        "form": form(entry),
        "entropy": entry.get("entropy"),
        "group": entry.get("secretGroup"),
        "words": WORDS.get(entry["id"]) or sorted({w.lower() for w in entry.get("keywords", [])}),
        "allow": [a for a in map(allowed, entry.get("allowlists", [])) if a] + ALLOW.get(entry["id"], []),
    }
    return {k: v for k, v in out.items() if v}


def main():
    module, version = sys.argv[1:]
    with open(module + "/config/gitleaks.toml", "rb") as f:
        config = tomllib.load(f)
    rules, left_out = [], []
    for entry in config["rules"]:
        if entry["id"] == "private-key" or "regex" not in entry or not entry.get("keywords") or entry.get("required") or entry.get("skipReport"):
            left_out.append(entry["id"])
        else:
            rules.append(rule(entry))
    rules.sort(key=lambda r: r["id"])
    # Published examples of keys are no keys, and no search for secrets should report them.
    def line(value):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text.replace("`", "\\u0060").replace("AIza", "\\u0041Iza").replace("AKIA", "\\u0041KIA").replace("bedrock-", "bedrock\\u002d")

    with open(module + "/LICENSE") as f:
        licence = f.read().strip()
    print("package secret\n")
    print("// The rules below are under this licence:\n//")
    print("\n".join(("// " + l).rstrip() for l in licence.split("\n")) + "\n")
    print(f"// gitleaksRules are the rules of gitleaks {version} (github.com/gitleaks/gitleaks), one")
    print("// a line. scripts/secret-rules.py writes them.")
    print("const gitleaksRules = `" + '{"allow":' + line(allowed(config["allowlist"])) + ',"rules":[')
    print(",\n".join(line(r) for r in rules))
    print("]}`")
    print(f"secret-rules: {len(rules)} rules; left out: {', '.join(left_out)}", file=sys.stderr)


main()
