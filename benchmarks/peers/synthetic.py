#!/usr/bin/env python3
"""Writes models of random weights in the shapes that engines are compared on: a GGUF file, or a Hugging Face folder.

usage: synthetic.py SHAPE FORMAT TARGET
  SHAPE   smol135 (SmolLM2-135M) or llama1b (Llama-3.2-1B); both with a tied head
  FORMAT  q8_0, q4_0, bf16 (GGUF, every matrix in that format, the head too) or hf (safetensors in BF16)
  TARGET  the file, or the folder for hf

Such a model takes as long per token as a trained one and says nothing. Weights lie within +-0.035, near the usual
spread of 0.02; formats do not hold the same weights. Standard library only.
"""
import array
import itertools
import json
import os
import random
import shutil
import struct
import sys
from typing import Iterator, NamedTuple


class Shape(NamedTuple):
    name: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    rope_theta: float
    pre_tokenizer: str

    @property
    def head_dim(self) -> int:
        return self.hidden // self.heads


SHAPES = {
    "smol135": Shape("SmolLM2-135M shape", 576, 1536, 30, 9, 3, 49152, 1e5, "smollm"),
    "llama1b": Shape("Llama-3.2-1B shape", 2048, 8192, 16, 32, 8, 128256, 5e5, "llama-bpe"),
}
CONTEXT = 8192
EPSILON = 1e-5


class Tensor(NamedTuple):
    gguf_name: str
    hf_name: str
    shape: tuple[int, ...]  # rows, columns; a norm has columns only

    @property
    def size(self) -> int:
        size = 1
        for n in self.shape:
            size *= n
        return size


def tensors(shape: Shape) -> Iterator[Tensor]:
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    yield Tensor("token_embd.weight", "model.embed_tokens.weight", (shape.vocabulary, shape.hidden))
    for layer in range(shape.layers):
        for gguf, hf, size in (
            ("attn_norm", "input_layernorm", (shape.hidden,)),
            ("attn_q", "self_attn.q_proj", (queries, shape.hidden)),
            ("attn_k", "self_attn.k_proj", (keys, shape.hidden)),
            ("attn_v", "self_attn.v_proj", (keys, shape.hidden)),
            ("attn_output", "self_attn.o_proj", (shape.hidden, queries)),
            ("ffn_norm", "post_attention_layernorm", (shape.hidden,)),
            ("ffn_gate", "mlp.gate_proj", (shape.intermediate, shape.hidden)),
            ("ffn_up", "mlp.up_proj", (shape.intermediate, shape.hidden)),
            ("ffn_down", "mlp.down_proj", (shape.hidden, shape.intermediate)),
        ):
            yield Tensor(f"blk.{layer}.{gguf}.weight", f"model.layers.{layer}.{hf}.weight", size)
    yield Tensor("output_norm.weight", "model.norm.weight", (shape.hidden,))


# ---- weights ----

class Format(NamedTuple):
    """How a matrix is stored; numbers of GGUF, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md."""
    tensor_type: int
    file_type: int
    block: int  # weights
    block_bytes: int


FORMATS = {"q4_0": Format(2, 2, 32, 18), "q8_0": Format(8, 7, 32, 34), "bf16": Format(30, 32, 1, 2)}
F32 = Format(0, 0, 1, 4)
CHUNK = 1 << 20  # weights made at once
# The high byte of +-2^-7 .. +-2^-5 in BF16; the low byte holds the exponent's last bit and the mantissa.
BF16_HIGH = bytes(0x3C | (byte & 0x80) for byte in range(256))

# No quantizer writes -128, and some kernels do not take it.
Q8_QUANTS = bytes(byte if byte != 0x80 else 0x81 for byte in range(256))


def weights(format_name: str, count: int, source: random.Random) -> Iterator[bytes]:
    """A matrix of count weights in chunks."""
    block = FORMATS[format_name].block
    while count > 0:
        now = min(count, CHUNK)
        if format_name == "bf16":
            data = bytearray(source.randbytes(2 * now))
            data[1::2] = data[1::2].translate(BF16_HIGH)
        else:  # a scale as F16 before the quants
            scale = struct.pack("<e", 0.035 / (127 if format_name == "q8_0" else 8))
            size = FORMATS[format_name].block_bytes
            data = bytearray(source.randbytes(now // block * size))
            if format_name == "q8_0":
                data = data.translate(Q8_QUANTS)
            data[0::size] = scale[:1] * (now // block)
            data[1::size] = scale[1:] * (now // block)
        yield bytes(data)
        count -= now


# ---- vocabulary ----

def vocabulary(size: int) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    """Byte-level BPE tokens (all bytes, then pairs, then triples), 256 special tokens after them, and the merges."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))  # GPT-2 writes a byte that is not printable as one of these
    letters = [chr(byte if byte in printable else next(others)) for byte in range(256)]
    pairs = itertools.product(letters, letters)
    triples = ((first + second, third) for first, second, third in itertools.product(letters, repeat=3))
    merges = list(itertools.islice(itertools.chain(pairs, triples), size - 256 - len(letters)))
    known = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    special = known + [f"<|reserved_special_token_{i}|>" for i in range(256 - len(known))]
    return letters + [first + second for first, second in merges], special, merges


# ---- GGUF ----

ALIGNMENT = 32


def gguf_string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def gguf_value(value: object) -> bytes:
    """The type number and the value: u32, f32, string, array of i32 or of strings."""
    match value:
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + gguf_string(value)
        case array.array():
            return struct.pack("<IIQ", 9, 5, len(value)) + value.tobytes()
        case list():
            return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(gguf_string, value))
    raise TypeError(type(value))


def padding(offset: int) -> bytes:
    return bytes(-offset % ALIGNMENT)


def write_gguf(shape: Shape, format_name: str, target: str) -> None:
    tokens, special, merges = vocabulary(shape.vocabulary)
    metadata = {
        "general.architecture": "llama",
        "general.name": shape.name,
        "general.file_type": FORMATS[format_name].file_type,
        "general.quantization_version": 2,
        "general.alignment": ALIGNMENT,
        "llama.context_length": CONTEXT,
        "llama.embedding_length": shape.hidden,
        "llama.block_count": shape.layers,
        "llama.feed_forward_length": shape.intermediate,
        "llama.attention.head_count": shape.heads,
        "llama.attention.head_count_kv": shape.kv_heads,
        "llama.attention.layer_norm_rms_epsilon": EPSILON,
        "llama.rope.dimension_count": shape.head_dim,
        "llama.rope.freq_base": shape.rope_theta,
        "llama.vocab_size": shape.vocabulary,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": shape.pre_tokenizer,
        "tokenizer.ggml.tokens": tokens + special,
        "tokenizer.ggml.token_type": array.array("i", [1] * len(tokens) + [3] * len(special)),
        "tokenizer.ggml.merges": [f"{first} {second}" for first, second in merges],
        "tokenizer.ggml.bos_token_id": len(tokens),
        "tokenizer.ggml.eos_token_id": len(tokens) + 1,
    }
    infos, offset = [], 0
    for tensor in tensors(shape):
        kind = FORMATS[format_name] if len(tensor.shape) == 2 else F32
        infos.append(gguf_string(tensor.gguf_name) + struct.pack(
            f"<I{len(tensor.shape)}QIQ", len(tensor.shape), *reversed(tensor.shape), kind.tensor_type, offset))
        offset += tensor.size // kind.block * kind.block_bytes
        offset += len(padding(offset))
    source = random.Random(1)
    with open(target, "wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(metadata)))
        for key, value in metadata.items():
            file.write(gguf_string(key) + gguf_value(value))
        file.writelines(infos)
        file.write(padding(file.tell()))
        for tensor in tensors(shape):
            if len(tensor.shape) == 2:
                file.writelines(weights(format_name, tensor.size, source))
            else:
                file.write(struct.pack("<f", 1) * tensor.size)
            file.write(padding(file.tell()))


# ---- Hugging Face folder ----

def write_hf(shape: Shape, target: str) -> None:
    tokens, special, merges = vocabulary(shape.vocabulary)
    os.makedirs(target)
    write_json(f"{target}/config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16", "hidden_act": "silu",
        "hidden_size": shape.hidden, "intermediate_size": shape.intermediate, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_dim,
        "vocab_size": shape.vocabulary, "rope_theta": shape.rope_theta, "rms_norm_eps": EPSILON,
        "max_position_embeddings": CONTEXT, "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False,
        "bos_token_id": len(tokens), "eos_token_id": len(tokens) + 1,
    })
    write_json(f"{target}/tokenizer.json", {
        "version": "1.0",
        "added_tokens": [{"id": len(tokens) + i, "content": text, "single_word": False, "lstrip": False,
                          "rstrip": False, "normalized": False, "special": True} for i, text in enumerate(special)],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "ignore_merges": True, "vocab": {text: i for i, text in enumerate(tokens)},
                  "merges": [f"{first} {second}" for first, second in merges]},
    })
    write_json(f"{target}/tokenizer_config.json", {
        "bos_token": special[0], "eos_token": special[1], "tokenizer_class": "PreTrainedTokenizerFast"})
    with open(f"{target}/README.md", "w") as file:  # Jlama's quantizer copies it
        file.write(f"Random weights in the {shape.name}.\n")
    header, offset = {}, 0
    for tensor in tensors(shape):
        end = offset + 2 * tensor.size
        header[tensor.hf_name] = {"dtype": "BF16", "shape": tensor.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    source = random.Random(1)
    with open(f"{target}/model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors(shape):
            if len(tensor.shape) == 2:
                file.writelines(weights("bf16", tensor.size, source))
            else:
                file.write(b"\x80\x3f" * tensor.size)  # 1 in BF16


def write_json(path: str, value: object) -> None:
    with open(path, "w") as file:
        json.dump(value, file)


def main() -> None:
    if len(sys.argv) != 4 or sys.argv[1] not in SHAPES or sys.argv[2] not in (*FORMATS, "hf"):
        sys.exit(__doc__.strip())
    shape, format_name, target = SHAPES[sys.argv[1]], sys.argv[2], sys.argv[3]
    part = target + ".part"  # an interrupted run leaves no model that looks whole
    if os.path.isdir(part):
        shutil.rmtree(part)
    if format_name == "hf":
        write_hf(shape, part)
    else:
        write_gguf(shape, format_name, part)
    os.rename(part, target)


if __name__ == "__main__":
    main()
