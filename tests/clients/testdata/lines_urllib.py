"""Views a topic as lines of JSON with what Python has by itself, and prints every frame."""

import json
import sys
import urllib.request

request = urllib.request.Request(sys.argv[1], headers={"Accept": "application/x-ndjson"})
with urllib.request.urlopen(request, timeout=30) as response:
    for line in response:
        frame = json.loads(line)
        data = frame["text"] if "text" in frame else line.decode()
        print(json.dumps({"event": frame["op"], "data": data, "cursor": frame.get("cursor")}), flush=True)
