"""A portable model as the bytes of a file, and how such a file is computed with again."""

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn

from esc50.deploy.export.portable import PortableModel
from esc50.errors import UserError

OPSET = 18  # the first with all that the front end needs; runtimes since 2023 have it
INPUT, OUTPUT = "waveform", "probabilities"
FRONT_END = "front_end."  # begins the names of its tensors

Run = Callable[[np.ndarray], np.ndarray]  # waveforms (batch, n_samples) to (batch, classes)


def require_onnx() -> None:
    """Refuse where the packages that ONNX files are written by are missing."""
    for name in ("onnx", "onnxscript", "onnxruntime"):  # torch.onnx writes by the second
        if find_spec(name) is None:
            raise UserError(f"ONNX files need {name}: pip install 'esc50[export]'")


def to_onnx(model: nn.Module, n_samples: int, output: str = OUTPUT) -> bytes:
    """Write a model as ONNX, for batches of any size.

    Args:
        model: waveforms (batch, n_samples) to something; `PortableModel`, or a part of it.
        n_samples: of a waveform.
        output: what it is called in the file.

    Raises:
        UserError: what it takes is not installed, or the network has an operation without a word
            in ONNX.
    """
    require_onnx()
    with _quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                model,
                (_example(n_samples),),
                input_names=[INPUT],
                output_names=[output],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            raise UserError(f"the network cannot be written as ONNX: {_first(error)}") from error
    assert program is not None  # it is when no file is named
    return bytes(program.model_proto.SerializeToString())


def describe_onnx(file: bytes, metadata: Mapping[str, str]) -> bytes:
    """Put metadata into an ONNX file, which `get_modelmeta().custom_metadata_map` reads."""
    import onnx

    proto = onnx.load_from_string(file)
    onnx.helper.set_model_props(proto, dict(metadata))
    return bytes(proto.SerializeToString())


def to_torch(model: PortableModel) -> torch.export.ExportedProgram:
    """Trace a model as a program of torch.export, for batches of any size.

    Raises:
        UserError: the network does what torch.export cannot follow.
    """
    shapes = ({0: torch.export.Dim("batch")},)
    example = _example(model.front_end.spec.n_samples)
    with _quiet(), torch.no_grad():
        try:
            return torch.export.export(model, (example,), dynamic_shapes=shapes)
        except (torch._dynamo.exc.TorchDynamoException, RuntimeError) as error:
            raise UserError(f"torch.export cannot follow the network: {_first(error)}") from error


def save_torch(program: torch.export.ExportedProgram, metadata: Mapping[str, str]) -> bytes:
    """Write a program of torch.export; its metadata is the extra file `esc50.json`."""
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={"esc50.json": json.dumps(dict(metadata))})
    return file.getvalue()


def to_int8(onnx_file: bytes, waveforms: Iterable[np.ndarray]) -> bytes:
    """Quantise the network of an ONNX file to 8-bit integers; the front end stays in float32.

    Weights are scaled per channel, activations by the range they take on some clips.

    Args:
        onnx_file: of `to_onnx`.
        waveforms: the clips, float32 (batch, n_samples) each; never those that it is tested on.
    """
    require_onnx()
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    batches = iter(waveforms)

    class Clips(CalibrationDataReader):
        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(batches, None)
            return None if batch is None else {INPUT: batch}

    with TemporaryDirectory() as folder, _quiet():
        whole, small = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        whole.write_bytes(onnx_file)
        quantize_static(
            whole,
            small,
            Clips(),
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
            nodes_to_exclude=_front_end_nodes(onnx_file),
            per_channel=True,
        )
        return small.read_bytes()


def run_onnx(file: bytes) -> Run:
    """Compute with an ONNX file, in onnxruntime on the processor, in as many threads as torch."""
    require_onnx()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda waveforms: session.run([OUTPUT], {INPUT: waveforms})[0]


def run_torch(file: bytes) -> Run:
    """Compute with a program of torch.export."""
    program = torch.export.load(io.BytesIO(file)).module()

    def run(waveforms: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return program(torch.from_numpy(waveforms)).numpy()

    return run


def _example(n_samples: int) -> torch.Tensor:
    # Two clips: a batch of one would be taken for the only size there is.
    return torch.zeros(2, n_samples)


def _front_end_nodes(onnx_file: bytes) -> list[str]:
    import onnx

    nodes = onnx.load_from_string(onnx_file).graph.node
    return [n.name for n in nodes if any(name.startswith(FRONT_END) for name in n.input)]


def _first(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what exporters say of their own insides."""
    before: Any = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
