# flask_app.py
from flask import Flask, request
from webhook import verify

app = Flask(__name__)


@app.post("/hooks")
def hooks():
    genuine = verify(request.get_data(), request.headers)  # before request.json
    return "", 204 if genuine else 401
