"""Writes through the API until stdin closes: prints each acknowledged name. Repeats under the same request id until told.

writer.py URL, key on the first line of stdin. Every write makes an API key with a name of its own.
"""
import http.client
import sys
import threading
import time
import urllib.parse
import uuid

url, key = urllib.parse.urlsplit(sys.argv[1]), sys.stdin.readline().strip()
consumer, token, secret = key.split(":")
done = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()


def post(name, request_id):
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=5)
    oauth = {"oauth_version": "1.0", "oauth_signature_method": "PLAINTEXT", "oauth_consumer_key": consumer, "oauth_token": token,
             "oauth_signature": f"%26{secret}", "oauth_timestamp": str(int(time.time())), "oauth_nonce": uuid.uuid4().hex}
    header = "OAuth " + ", ".join(f'{name}="{value}"' for name, value in oauth.items())
    try:
        connection.request("POST", url.path + "account/?op=create_authorisation_token", urllib.parse.urlencode({"name": name}),
                           {"Authorization": header, "X-Request-Id": request_id,
                            "Content-Type": "application/x-www-form-urlencoded"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


count, run = 0, uuid.uuid4().hex[:8]
while not done.is_set():
    count += 1
    name, request_id = f"write-{run}-{count}", str(uuid.uuid4())
    while (status := post(name, request_id)) in (0, 500, 502, 503, 504):
        if done.is_set():
            sys.exit(0)
        time.sleep(0.02)
    if status != 200:
        print(f"error {status}", flush=True)
        sys.exit(1)
    print(f"{name} {time.monotonic():.3f}", flush=True)
