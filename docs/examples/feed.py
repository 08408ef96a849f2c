# What it shows: a publisher. Prices that move, are deleted and come back go to the topic prices, orders for the workers to orders. Python's standard library only.
# How to run it: go run ./cmd/culvert serve --config configs/dev.yaml, and in a second terminal: python3 docs/examples/feed.py
# What to look at: a tombstone is a key with "payload": null. Stop the bridge and start it again: what was not confirmed is sent again.
import json, os, random, sys, time, urllib.error, urllib.request

bridge = os.environ.get("CULVERT_URL", "http://127.0.0.1:8080")
prices = {"AAPL": 231.4, "AMZN": 205.7, "GOOG": 187.2, "META": 588.1, "MSFT": 423.5, "NVDA": 141.9, "SAP": 229.8, "TSLA": 342.0}
listed = set(prices)
customers = ["alice", "bob", "carol", "dave"]


def inject(topic, messages):
    """Returns when the broker has all the messages. A batch whose outcome is unknown is sent again, so that some may be there twice."""
    while messages:
        request = urllib.request.Request(
            f"{bridge}/v1/topics/{topic}/messages",
            data=json.dumps({"messages": messages}).encode(),
            headers={"Content-Type": "application/vnd.culvert.batch+json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                results = json.load(answer)["results"]
            failed = [(m, r) for m, r in zip(messages, results) if "code" in r]
            for _, r in failed:
                print(f"{topic}: {r['code']}: {r.get('detail', '')}", file=sys.stderr)
            messages = [m for m, r in failed if r["retryable"]]
        except urllib.error.HTTPError as refused:
            if refused.code not in (429, 503, 504):
                sys.exit(f"{topic}: {refused.code} {refused.read().decode()}")
            print(f"{topic}: {refused}; trying again", file=sys.stderr)
        except (OSError, ValueError) as trouble:
            print(f"{topic}: {trouble}; trying again", file=sys.stderr)
        if messages:
            time.sleep(random.uniform(0.5, 1.5))


def move(symbol):
    if symbol not in listed:
        listed.add(symbol)
    elif len(listed) > 4 and random.random() < 0.03:
        listed.discard(symbol)
        return {"key": symbol, "payload": None}
    prices[symbol] = round(max(1, prices[symbol] * (1 + random.gauss(0, 0.003))), 2)
    return {"key": symbol, "payload": {"symbol": symbol, "price": prices[symbol]}}


def main():
    inject("prices", [{"key": s, "payload": {"symbol": s, "price": p}} for s, p in prices.items()])
    print("the first prices are there, more follow until ^C", flush=True)
    order = 0
    while True:
        inject("prices", [move(s) for s in random.sample(sorted(prices), 3)])
        if random.random() < 0.5:
            order += 1
            # One in ten has no items: it cannot be packed, however often it is tried.
            items = 0 if order % 10 == 0 else random.randint(1, 5)
            inject("orders", [{"key": random.choice(customers), "payload": {"order": order, "items": items}}])
        time.sleep(0.5)


try:
    main()
except KeyboardInterrupt:
    pass
