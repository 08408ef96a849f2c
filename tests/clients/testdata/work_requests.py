"""Takes part in a queue over an event stream with Python's requests: does one message after the other and settles it, and hands one back now and then."""

import json
import sys
import time

import requests

base, topic, queue = sys.argv[1:]
session = requests.Session()
given = 0


def events(lines):
    """Puts the lines of an event stream together: gives the name, the id and the data of each event."""
    name, event_id, data = "message", None, []
    for line in lines:
        field, _, value = line.decode().partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "id":
            event_id = value
        elif field == "data":
            data.append(value)
        elif not line:
            if data:
                yield name, event_id, "\n".join(data)
            name, event_id, data = "message", None, []


def work(receipt, text):
    """Does one message, and gives what is to be said of it."""
    global given
    given += 1
    if given % 40 == 0:  # it cannot be done now
        print(json.dumps({"event": "nack", "data": text}), flush=True)
        return {"nack": [receipt], "delay_ms": 100}
    print(json.dumps({"event": "done", "data": text}), flush=True)
    return {"receipts": [receipt]}


def settle(stream, what):
    answer = session.post(f"{base}/v1/streams/{stream}/done", json=what, timeout=10)
    if answer.status_code != 404:  # the stream has ended: what it held goes to others
        answer.raise_for_status()


def join():
    """Takes part until the stream ends, and gives the seconds after which to come back."""
    url = f"{base}/v1/topics/{topic}/queues/{queue}/events"
    headers = {"Accept": "text/event-stream"}
    # Silence of 40 s is a broken connection: there is a sign of life every 15 s.
    with session.get(url, params={"ack": "manual"}, headers=headers, stream=True, timeout=(5, 40)) as response:
        response.raise_for_status()
        for name, receipt, data in events(response.iter_lines()):
            if receipt:
                settle(stream, work(receipt, data))
                continue
            print(json.dumps({"event": name, "data": data}), flush=True)
            if name == "ready":
                stream = json.loads(data)["stream"]
            elif name == "bye":
                return json.loads(data)["retry_ms"] / 1000
    return 1.0


while True:
    try:
        wait = join()
    except requests.HTTPError:
        raise  # what is asked for cannot be had
    except requests.RequestException:
        wait = 1.0
    time.sleep(wait)
