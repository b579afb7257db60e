from pathlib import Path

import numpy as np
import onnxruntime
from fastapi import FastAPI

model = onnxruntime.InferenceSession(Path(__file__).parent / "models" / "price.onnx", providers=["CPUExecutionProvider"])
app = FastAPI()


@app.get("/healthz")
def healthz():
    return {"model": model.get_modelmeta().graph_name}


@app.get("/predict/{area}")
def predict(area: float):
    (price,) = model.run(None, {"area": np.array([area], dtype=np.float32)})
    return {"price": float(price[0])}
