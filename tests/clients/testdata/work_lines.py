"""Takes part in a queue over lines of JSON with Python's requests: does one message after the other and settles it, and hands one back now and then."""

import json
import sys
import time

import requests

base, topic, queue = sys.argv[1:]
session = requests.Session()
given = 0


def work(message):
    """Does one message, and gives what is to be said of it."""
    global given
    given += 1
    if given % 40 == 0 and "attempt" not in message:  # it cannot be done at the first try
        print(json.dumps({"event": "nack", "data": message["text"]}), flush=True)
        return {"nack": [message["receipt"]], "delay_ms": 100}
    print(json.dumps({"event": "done", "data": message["text"]}), flush=True)
    return {"receipts": [message["receipt"]]}


def settle(stream, what):
    answer = session.post(f"{base}/v1/streams/{stream}/done", json=what, timeout=10)
    if answer.status_code != 404:  # the stream has ended: what it held goes to others
        answer.raise_for_status()


def join():
    """Takes part until the stream ends, and gives the seconds after which to come back."""
    url = f"{base}/v1/topics/{topic}/queues/{queue}/events"
    headers = {"Accept": "application/x-ndjson"}
    params = {"ack": "manual", "strict": "0"}  # trouble that passes is a bye, never a status
    with session.get(url, params=params, headers=headers, stream=True, timeout=(5, 40)) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            frame = json.loads(line)
            if frame["op"] != "msg":
                print(json.dumps({"event": frame["op"], "data": line.decode()}), flush=True)
                if frame["op"] == "ready":
                    stream = frame["stream"]
                elif frame["op"] == "bye":
                    return frame["retry_ms"] / 1000
            else:
                settle(stream, work(frame))
    return 1.0


while True:
    try:
        wait = join()
    except requests.HTTPError:
        raise  # what is asked for cannot be had
    except requests.RequestException:
        wait = 1.0
    time.sleep(wait)
