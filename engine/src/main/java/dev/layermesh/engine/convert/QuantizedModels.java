package dev.layermesh.engine.convert;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.Digest;
import dev.layermesh.engine.checkpoint.LoadListener;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.checkpoint.TensorView;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * Quantized copies of models, kept as GGUF files: {@code quantized/CHECKSUM/NAME-q8_0.gguf} below a cache folder. The
 * checksum covers every byte of the small files and of the weights, so a changed model gets another entry. Several
 * processes may use one cache: a file appears when it is complete, and if two processes make the same file, both are
 * equal and the later one replaces the earlier.
 */
public final class QuantizedModels {
  private static final String FORMAT = "layermesh quantized 1"; // changes whenever the same input makes another file
  private static final long CHUNK_BYTES = 4L << 20;

  private QuantizedModels() {}

  /**
   * The quantized copy of the model in a folder; makes it if the cache has none.
   *
   * @param cache folder of the copies
   * @param listener receives the number of bytes written, if the copy is made
   * @throws InputException naming file, field and value
   */
  public static Path of(Path folder, Quantization quantization, Path cache, LoadListener listener) {
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      if (!Files.isDirectory(folder)) {
        throw InputException.of("--quantize", quantization.option(),
            "is for folders with safetensors; " + folder + " is a GGUF file, which runs as it is");
      }
      Path copy = cache.resolve("quantized").resolve(checksum(checkpoint))
          .resolve(checkpoint.name() + "-" + quantization.option() + ".gguf");
      if (!sound(copy)) {
        GgufConverter.convert(checkpoint, Optional.of(quantization), copy, listener);
      }
      return copy;
    }
  }

  private static boolean sound(Path copy) {
    if (!Files.exists(copy)) {
      return false;
    }
    try (Checkpoint checkpoint = Checkpoint.open(copy)) {
      checkpoint.weights(Slice.whole(checkpoint.config().numLayers()));
      return true;
    } catch (InputException damaged) {
      return false;
    }
  }

  private static String checksum(Checkpoint checkpoint) {
    Digest digest = new Digest().add(FORMAT);
    checkpoint.files().contents().forEach((name, bytes) -> digest.add(name).add(bytes));
    for (TensorView tensor : checkpoint.weights(Slice.whole(checkpoint.config().numLayers())).tensors()) {
      digest.add(tensor.toString()).add(sums(tensor.data()));
    }
    return digest.hex();
  }

  /** A CRC-32C of each chunk: as fast as the disk reads. */
  private static byte[] sums(MemorySegment data) {
    int chunks = Math.toIntExact(Math.ceilDiv(data.byteSize(), CHUNK_BYTES));
    ByteBuffer sums = ByteBuffer.allocate(chunks * Integer.BYTES);
    for (long from = 0; from < data.byteSize(); from += CHUNK_BYTES) {
      var sum = new CRC32C();
      sum.update(data.asSlice(from, Math.min(CHUNK_BYTES, data.byteSize() - from)).asByteBuffer());
      sums.putInt((int) sum.getValue());
    }
    return sums.array();
  }
}
