"""Injects a text and bytes over a raw WebSocket with Python's websockets, and prints what it is shown."""

import json
import sys

from websockets.sync.client import connect

with connect(sys.argv[1], subprotocols=["culvert.v1.raw"]) as socket:
    socket.send("text of websockets: ž")
    socket.send(bytes([0xFF, 0x00, 0x0A]))
    for _ in range(2):
        payload = socket.recv(timeout=30)
        text = isinstance(payload, str)
        print(json.dumps({"event": "text" if text else "bytes", "data": payload if text else payload.hex()}))
print(json.dumps({"event": "close", "data": str(socket.close_code)}))
