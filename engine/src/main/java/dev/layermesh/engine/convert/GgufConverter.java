package dev.layermesh.engine.convert;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.GgufNames;
import dev.layermesh.engine.checkpoint.LlamaKeys;
import dev.layermesh.engine.checkpoint.LoadListener;
import dev.layermesh.engine.checkpoint.RowOrder;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.checkpoint.Weights;
import dev.layermesh.engine.gguf.GgmlType;
import dev.layermesh.engine.gguf.GgufWriter;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.Rope;
import dev.layermesh.engine.model.RopeScaling;
import dev.layermesh.engine.vocabulary.GgufVocabulary;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Writes the model of a Hugging Face folder as one GGUF file. Tensors keep their type or are quantized; query and key
 * rows get GGUF's order; vocabulary, chat template and exit layer go into the metadata. Vectors become F32. When the
 * other matrices are quantized, those whose rows are no whole blocks become F16.
 */
public final class GgufConverter {
  private static final int BUFFER_BYTES = 1 << 20;
  private static final int QUANTIZATION_VERSION = 2; // of the block formats
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Checkpoint checkpoint;
  private final ModelConfig config;
  private final Weights weights;
  private final Optional<Quantization> quantization;
  private final GgufWriter writer = new GgufWriter();
  private final LoadListener listener;
  private long done;

  private GgufConverter(Checkpoint checkpoint, Optional<Quantization> quantization, LoadListener listener) {
    this.checkpoint = checkpoint;
    this.config = checkpoint.config();
    this.weights = checkpoint.weights(Slice.whole(config.numLayers()));
    this.quantization = quantization;
    this.listener = listener;
  }

  /**
   * Converts. The new file replaces one of the same name when it is complete; a failure leaves the old one.
   *
   * @param checkpoint of a folder
   * @param quantization of the matrices; empty keeps the stored types
   * @param listener receives the number of bytes written
   * @throws InputException naming file, field and value, when the checkpoint is no folder or the file cannot be written
   */
  public static void convert(
      Checkpoint checkpoint, Optional<Quantization> quantization, Path file, LoadListener listener) {
    if (!Files.isDirectory(checkpoint.path())) {
      throw InputException.in(checkpoint.path(), "is a GGUF file already: give a folder with safetensors");
    }
    var converter = new GgufConverter(checkpoint, quantization, listener);
    converter.describe();
    converter.addTensors();
    try {
      converter.write(file.toAbsolutePath());
    } catch (IOException e) {
      throw InputException.in(file, "cannot be written: " + e);
    }
  }

  private void write(Path file) throws IOException {
    Files.createDirectories(file.getParent());
    Path fresh = Files.createTempFile(file.getParent(), "." + file.getFileName(), ".tmp");
    try {
      try (FileChannel channel = FileChannel.open(fresh, StandardOpenOption.WRITE);
          OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel), BUFFER_BYTES)) {
        writer.writeTo(out);
        out.flush();
        channel.force(true);
      }
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(fresh);
    }
  }

  private void describe() {
    writer.text(LlamaKeys.ARCHITECTURE, "llama")
        .text("general.name", checkpoint.name())
        .integer("general.file_type", fileType())
        .integer(LlamaKeys.CONTEXT, config.maxPositions())
        .integer(LlamaKeys.HIDDEN, config.hiddenSize())
        .integer(LlamaKeys.LAYERS, config.numLayers())
        .integer(LlamaKeys.INTERMEDIATE, config.intermediateSize())
        .integer(LlamaKeys.HEADS, config.numHeads())
        .integer(LlamaKeys.KV_HEADS, config.numKvHeads())
        .integer(LlamaKeys.KEY_LENGTH, config.headDim())
        .integer(LlamaKeys.VALUE_LENGTH, config.headDim())
        .number(LlamaKeys.EPS, config.rmsNormEps())
        .number(LlamaKeys.THETA, (float) config.rope().theta())
        .integer(LlamaKeys.ROPE_DIMENSIONS, config.headDim())
        .integer(LlamaKeys.VOCABULARY, config.vocabSize());
    quantization.ifPresent(_ -> writer.integer("general.quantization_version", QUANTIZATION_VERSION));
    config.exitLayer().ifPresent(exit -> writer.integer(LlamaKeys.EXIT_LAYER, exit));
    switch (config.rope().scaling()) {
      case RopeScaling.Linear linear ->
          writer.text(LlamaKeys.SCALING, "linear").number(LlamaKeys.SCALING_FACTOR, (float) linear.factor());
      case RopeScaling.Default _ -> {}
      case RopeScaling.Llama3 _ -> {}
      case RopeScaling.Factors _ -> {}
    }
    GgufVocabulary.describe(checkpoint.path(), checkpoint.files(), config, writer);
  }

  /** general.file_type of the GGUF specification: the type of most tensors. */
  private int fileType() {
    DType most = quantization.map(Quantization::dtype)
        .orElseGet(() -> weights.layers().getFirst().q().dtype());
    return switch (most) {
      case F32 -> 0;
      case F16 -> 1;
      case BF16 -> 32;
      case Q8_0 -> 7;
      case Q4_0 -> 2;
      case Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K -> throw new IllegalStateException("no folder holds " + most);
    };
  }

  private void addTensors() {
    for (TensorView tensor : weights.tensors()) {
      DType target = target(tensor);
      List<Integer> shape = IntStream.of(tensor.shape()).boxed().toList();
      writer.tensor(GgufNames.of(tensor.name()), GgmlType.valueOf(target.name()), shape,
          out -> writeRows(tensor, GgufNames.order(tensor.name(), config), target, out));
    }
    if (config.rope().scaling() instanceof RopeScaling.Llama3) {
      float[] factors = ropeFactors();
      writer.tensor(GgufNames.ROPE_FACTORS, GgmlType.F32, List.of(factors.length), out -> {
        MemorySegment bytes = MemorySegment.ofArray(new byte[factors.length * Float.BYTES]);
        MemorySegment.copy(factors, 0, bytes, FLOAT, 0, factors.length);
        out.write(bytes.toArray(ValueLayout.JAVA_BYTE));
      });
    }
  }

  private DType target(TensorView tensor) {
    if (tensor.shape().length == 1) {
      return DType.F32;
    }
    return quantization
        .map(it -> it.dtype().fits(tensor.columns()) ? it.dtype() : DType.F16)
        .orElse(tensor.dtype());
  }

  private void writeRows(TensorView tensor, RowOrder order, DType target, OutputStream out) throws IOException {
    float[] row = new float[tensor.columns()];
    byte[] bytes = new byte[Math.toIntExact(target.rowBytes(tensor.columns()))];
    MemorySegment segment = MemorySegment.ofArray(bytes);
    for (int stored = 0; stored < tensor.rows(); stored++) {
      tensor.widen(order.counted(stored), 0, row, 0);
      narrow(row, target, segment);
      out.write(bytes);
      done += bytes.length;
      listener.progressed(done, writer.dataBytes());
    }
  }

  /** Rounds a row to a type; exact for the type that the numbers were read from. */
  private static void narrow(float[] row, DType target, MemorySegment out) {
    switch (target) {
      case F32 -> MemorySegment.copy(row, 0, out, FLOAT, 0, row.length);
      case F16 -> {
        for (int i = 0; i < row.length; i++) {
          out.set(SHORT, 2L * i, Float.floatToFloat16(row[i]));
        }
      }
      case BF16 -> {
        for (int i = 0; i < row.length; i++) {
          out.set(SHORT, 2L * i, (short) (Float.floatToRawIntBits(row[i]) >>> 16));
        }
      }
      case Q8_0 -> Quantization.Q8_0.row(row, row.length, out);
      case Q4_0 -> Quantization.Q4_0.row(row, row.length, out);
      case Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K -> throw new IllegalStateException("nothing is quantized to " + target);
    }
  }

  /** The quotient of unscaled and scaled frequencies; dividing by it gives the scaled bits if any float32 does. */
  private float[] ropeFactors() {
    float[] scaled = config.rope().inverseFrequencies(config.headDim());
    float[] factors = new Rope(config.rope().theta(), new RopeScaling.Default())
        .inverseFrequencies(config.headDim());
    for (int i = 0; i < factors.length; i++) {
      factors[i] = factor(factors[i], scaled[i]);
    }
    return factors;
  }

  private static float factor(float frequency, float scaled) {
    float nearest = frequency / scaled;
    for (float each : new float[] {nearest, Math.nextUp(nearest), Math.nextDown(nearest)}) {
      if (frequency / each == scaled) {
        return each;
      }
    }
    return nearest;
  }
}
