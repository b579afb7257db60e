import torch
from flask import Flask, jsonify

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
app = Flask(__name__)
net = torch.nn.Linear(3, 1, bias=False).to(device)
torch.nn.init.ones_(net.weight)


@app.get("/health")
def health():
    return "ok"


@app.get("/predict")
def predict():
    with torch.no_grad():
        return jsonify(sum=net(torch.tensor([1.0, 2.0, 3.0], device=device)).item())
