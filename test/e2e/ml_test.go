package e2e

// mlRow is a service on Flask that answers with what a model computes.
func mlRow(name, packages, source, answer string, limitMB int64) runtimeRow {
	return runtimeRow{name: "ml-" + name, port: 5000, answer: answer, limitMB: limitMB, named: true, files: map[string]string{
		"requirements.txt": "flask==3.1.3\ngunicorn==27.0.1\n" + packages, "app.py": source,
	}}
}

const torchSource = `import torch
import torchvision
from flask import Flask, jsonify

device = "cuda" if torch.cuda.is_available() else "cpu"
app = Flask(__name__)
net = torch.nn.Linear(3, 1, bias=False).to(device)
torch.nn.init.ones_(net.weight)


@app.get("/")
def predict():
    boxes = torchvision.ops.nms(torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1]]), torch.tensor([0.9, 0.8]), 0.5)
    with torch.no_grad():
        return jsonify(sum=net(torch.tensor([1.0, 2.0, 3.0], device=device)).item(), boxes=len(boxes), device=device)


if __name__ == "__main__":
    app.run(port=5000)
`

const tensorflowSource = `import tensorflow as tf
from flask import Flask, jsonify

app = Flask(__name__)
net = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])


@app.get("/")
def predict():
    return jsonify(sum=float(net(tf.constant([[1.0, 2.0, 3.0]]))[0][0]))


if __name__ == "__main__":
    app.run(port=5000)
`

const onnxSource = `import numpy as np
import onnxruntime as rt
from flask import Flask, jsonify
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression

app = Flask(__name__)
model = LinearRegression().fit(np.array([[1.0], [2.0], [3.0]]), np.array([2.0, 4.0, 6.0]))
session = rt.InferenceSession(to_onnx(model, np.zeros((1, 1), dtype=np.float32)).SerializeToString())


@app.get("/")
def predict():
    return jsonify(y=round(float(session.run(None, {"X": np.array([[3.0]], dtype=np.float32)})[0][0][0]), 3))


if __name__ == "__main__":
    app.run(port=5000)
`

// mlRows are services with a model. PyTorch's are without the libraries of CUDA, one of
// each generation of them.
func mlRows() []runtimeRow {
	const summed = `"boxes":1,"device":"cpu","sum":6`
	return []runtimeRow{
		mlRow("torch", "torch==2.15.0\ntorchvision==0.29.2\n", torchSource, summed, 1200),
		mlRow("torch-2.6", "torch==2.6.0\ntorchvision==0.21.0\nnumpy==2.2.6\n", torchSource, summed, 1100),
		mlRow("tensorflow", "tensorflow-cpu==2.21.0\n", tensorflowSource, `"sum":6`, 1400),
		mlRow("onnx", "numpy==2.5.5\nonnxruntime==1.32.0\nscikit-learn==1.9.1\nskl2onnx==1.20.0\n", onnxSource, `"y":6`, 450),
	}
}
