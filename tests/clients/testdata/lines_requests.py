"""Views a topic as lines of JSON with Python's requests, and prints every frame."""

import json
import sys

import requests

with requests.get(sys.argv[1], headers={"Accept": "application/x-ndjson"}, stream=True, timeout=30) as response:
    response.raise_for_status()
    for line in response.iter_lines():
        frame = json.loads(line)
        data = frame["text"] if "text" in frame else line.decode()
        print(json.dumps({"event": frame["op"], "data": data, "cursor": frame.get("cursor")}), flush=True)
