# webhook.py
import base64
import hmac
import os
import re
import time


def key_of(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        key = base64.b64decode(secret[len("whsec_"):], validate=True)
    else:
        key = secret.encode()
    if not key:
        raise ValueError("WEBHOOK_SECRET is empty")
    return key


KEY = key_of(os.environ["WEBHOOK_SECRET"])


def verify(body: bytes, headers) -> bool:
    """Whether a request is genuine, and at most five minutes old."""
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not re.fullmatch("[0-9]{1,12}", timestamp) or abs(time.time() - int(timestamp)) > 300:
        return False
    digest = hmac.digest(KEY, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    want = b"v1," + base64.b64encode(digest)
    signatures = headers.get("webhook-signature", "").encode().split(b" ")
    return any(hmac.compare_digest(want, s) for s in signatures)
