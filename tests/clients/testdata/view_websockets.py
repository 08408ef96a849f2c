"""Views a topic over a WebSocket with Python's websockets, gives credit for what it has read, and prints every frame."""

import asyncio
import json
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

MOST = 20


async def view(url, topic):
    cursor = "latest"
    async for socket in connect(url, subprotocols=["culvert.v1.json"]):
        try:
            credit = MOST
            await socket.send(json.dumps({"op": "sub", "id": "1", "sub": "a", "topic": topic, "from": cursor, "credit": credit}))
            async for text in socket:
                frame = json.loads(text)
                cursor = frame.get("cursor", cursor)
                if frame["op"] != "msg":
                    print(json.dumps({"event": frame["op"], "data": text, "cursor": cursor}), flush=True)
                    continue
                print(json.dumps({"event": "message", "data": frame["text"], "cursor": cursor}), flush=True)
                credit -= 1
                if credit <= MOST // 2:
                    await socket.send(json.dumps({"op": "credit", "sub": "a", "n": MOST - credit}))
                    credit = MOST
        except ConnectionClosed:
            continue


asyncio.run(view(*sys.argv[1:]))
