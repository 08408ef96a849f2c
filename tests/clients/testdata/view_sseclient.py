"""Views an event stream with sseclient-py, which never comes back by itself, and prints every event."""

import json
import sys
import time

import requests
import sseclient


def events(url):
    """Gives the events of a stream, over every connection that it takes."""
    last_id, wait = None, 2.0
    while True:
        headers = {"Accept": "text/event-stream"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        try:
            with requests.get(url, headers=headers, stream=True, timeout=(5, 40)) as response:
                response.raise_for_status()
                for event in sseclient.SSEClient(response).events():
                    last_id = event.id or last_id
                    wait = int(event.retry) / 1000 if event.retry else wait
                    yield event, last_id
                    if event.event == "bye" and not json.loads(event.data)["reconnect"]:
                        return
        except requests.RequestException:
            pass
        time.sleep(wait)


for event, cursor in events(sys.argv[1]):
    print(json.dumps({"event": event.event, "data": event.data, "cursor": cursor}), flush=True)
