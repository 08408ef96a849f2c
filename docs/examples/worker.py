# What it shows: a worker on the queue packing of the topic orders, in Python's standard library only: it settles what it has done, and hands back what it could not do.
# How to run it: go run ./cmd/culvert serve --config configs/dev.yaml, and in further terminals: python3 docs/examples/worker.py (as often as you like), python3 docs/examples/feed.py
# What to look at: workers share the orders; kill one, and another is given what it held. Orders without items are tried five times and end in the topic orders.packing.dlq.
import http.client, json, os, random, sys, time, urllib.request

bridge = os.environ.get("CULVERT_URL", "http://127.0.0.1:8080")
silence = 45  # seconds: the bridge says something every 15, so that after three times as long it is gone


def handle(frame):
    """Does the work. It may be called again with the same message, after a crash for instance, so that doing it twice must do no harm."""
    order = frame["payload"]
    if order["items"] == 0:
        raise ValueError("nothing to pack")
    time.sleep(0.1 * order["items"])
    print(f"order {order['order']} of {frame['key']}: {order['items']} packed", flush=True)


def work():
    """Works until the stream ends, and returns after how many seconds to come back."""
    # One message at a time. A worker that takes longer than the lease (30 s) says {"touch": [receipt]} now and then.
    url = f"{bridge}/v1/topics/orders/queues/packing/events?ack=manual&max_in_flight=1"
    request = urllib.request.Request(url, headers={"Accept": "application/x-ndjson"})
    with urllib.request.urlopen(request, timeout=silence) as stream:
        for line in stream:
            frame = json.loads(line)
            if frame["op"] == "ready":
                member = frame["stream"]
                print("ready", flush=True)
            elif frame["op"] == "msg":
                attempt = frame.get("attempt", 1)
                try:
                    handle(frame)
                    settle(member, {"receipts": [frame["receipt"]]})
                except (ValueError, KeyError, TypeError) as wrong:  # the message's fault: later, and a little later each time
                    print(f"try {attempt} of {frame.get('payload')} failed: {wrong}", file=sys.stderr)
                    settle(member, {"nack": [frame["receipt"]], "delay_ms": 1000 * 2 ** (attempt - 1)})
            elif frame["op"] == "gap":
                print(f"a hole: {frame['reason']}", file=sys.stderr)  # messages that the broker had deleted before anybody took them
            elif frame["op"] == "bye":
                return frame.get("retry_ms", 1000) / 1000
    return 1


def settle(member, what):
    request = urllib.request.Request(f"{bridge}/v1/streams/{member}/done", data=json.dumps(what).encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


def main():
    wait = 1
    while True:
        begun = time.monotonic()
        try:
            pause = work()
        except (OSError, ValueError, http.client.HTTPException) as trouble:  # no connection, a time-out, an answer other than 200, half a line
            print(f"{trouble}; trying again", file=sys.stderr)
            wait = 1 if time.monotonic() - begun > 60 else min(2 * wait, 30)
            pause = random.uniform(0.5, 1) * wait
        time.sleep(pause)


try:
    main()
except KeyboardInterrupt:
    pass
