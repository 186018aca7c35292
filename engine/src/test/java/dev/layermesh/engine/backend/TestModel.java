package dev.layermesh.engine.backend;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.PositionRandom;
import dev.layermesh.decoding.Sampler;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.checkpoint.Checkpoint;
import dev.layermesh.engine.checkpoint.DType;
import dev.layermesh.engine.checkpoint.HeadWeights;
import dev.layermesh.engine.checkpoint.LayerWeights;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.checkpoint.Weights;
import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.engine.model.LayerPlan;
import dev.layermesh.engine.model.ModelConfig;
import dev.layermesh.engine.model.Rope;
import dev.layermesh.engine.model.RopeScaling;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** A model to run on any backend, layer by layer. */
public record TestModel(String name, ModelConfig config, TensorView embedding, List<LayerWeights> layers,
    HeadWeights head) {

  @Override
  public String toString() {
    return name;
  }

  /** A whole checkpoint; {@code checkpoint} stays open as long as the model is used. */
  public static TestModel of(Checkpoint checkpoint) {
    Weights weights = checkpoint.weights(Slice.whole(checkpoint.config().numLayers()));
    return new TestModel(checkpoint.name(), checkpoint.config(),
        weights.embedding().orElseThrow(), weights.layers(), weights.head().orElseThrow());
  }

  public static TestModel open(Path folder) {
    return of(Checkpoint.open(folder));
  }

  /** A model whose sizes are multiples of no block, vector or page. */
  public static TestModel awkward(DType dtype) {
    ModelConfig config = new ModelConfig(207, 702, 3, 6, 2, 14, 131, 300, 1e-5f,
        new Rope(10_000, new RopeScaling.Default()), false, OptionalInt.empty(), TokenIds.empty(), OptionalInt.empty());
    Random random = new Random(11);
    List<LayerWeights> layers = IntStream.range(0, 3).mapToObj(_ -> new LayerWeights(
        norm(random, dtype, 207),
        Weight.random(random, dtype, 0.1, 84, 207),
        Weight.random(random, dtype, 0.1, 28, 207),
        Weight.random(random, dtype, 0.1, 28, 207),
        Weight.random(random, dtype, 0.1, 207, 84),
        norm(random, dtype, 207),
        Weight.random(random, dtype, 0.1, 702, 207),
        Weight.random(random, dtype, 0.1, 702, 207),
        Weight.random(random, dtype, 0.1, 207, 702))).toList();
    HeadWeights head = new HeadWeights(norm(random, dtype, 207), Weight.random(random, dtype, 0.1, 131, 207));
    return new TestModel("awkward-" + dtype, config, Weight.random(random, dtype, 1, 131, 207), layers, head);
  }

  /** A matrix of every format that packs differently, some of whose neighbours take x as float32. */
  public static TestModel mixed() {
    ModelConfig config = new ModelConfig(256, 512, 2, 16, 1, 16, 131, 300, 1e-5f,
        new Rope(10_000, new RopeScaling.Default()), false, OptionalInt.empty(), TokenIds.empty(), OptionalInt.empty());
    Random random = new Random(12);
    List<LayerWeights> layers = Stream.of(
        List.of(DType.Q8_0, DType.F16, DType.Q5_1, DType.Q4_1, DType.Q4_K, DType.BF16, DType.Q6_K),
        List.of(DType.F32, DType.BF16, DType.F16, DType.Q5_K, DType.Q4_0, DType.Q5_0, DType.F32))
        .map(dtypes -> new LayerWeights(
            norm(random, DType.F32, 256),
            small(random, dtypes.get(0), 256, 256),
            small(random, dtypes.get(1), 16, 256),
            small(random, dtypes.get(2), 16, 256),
            small(random, dtypes.get(3), 256, 256),
            norm(random, DType.F32, 256),
            small(random, dtypes.get(4), 512, 256),
            small(random, dtypes.get(5), 512, 256),
            small(random, dtypes.get(6), 256, 512)))
        .toList();
    HeadWeights head = new HeadWeights(norm(random, DType.F32, 256), small(random, DType.Q8_0, 131, 256));
    return new TestModel("mixed", config, Weight.matrix(random, DType.Q4_0, 131, 256), layers, head);
  }

  private static TensorView small(Random random, DType dtype, int rows, int columns) {
    return dtype.quantized()
        ? Weight.matrix(random, dtype, rows, columns)
        : Weight.random(random, dtype, 0.1, rows, columns);
  }

  private static TensorView norm(Random random, DType dtype, int width) {
    return Weight.random(random, dtype, 1, width);
  }

  /** Token ids of a session. */
  public TokenIds ids(int seed, int count) {
    return TokenIds.of(new Random(seed).ints(count, 0, config.vocabSize()).toArray());
  }

  /** The model on a backend. */
  public Running on(Backend backend) {
    return new Running(this, backend, stack(backend, LayerPlan.all(config.numLayers())));
  }

  /** Some of its layers. */
  public LayerStack stack(Backend backend, LayerPlan plan) {
    return backend.prepare(
        config, plan, plan.layers().stream().map(layer -> layers.get(layer.index())).toList(), _ -> {});
  }

  /** Embeddings of tokens. */
  public Tensor embed(Backend backend, TokenIds ids) {
    Tensor states = backend.tensor(ids.length(), config.hiddenSize());
    backend.embedding(config, embedding).embed(ids, states, 0);
    return states;
  }

  /** Logits of some rows, [rows.length][V]. */
  public float[][] logits(Backend backend, Tensor states, int... rows) {
    float[][] logits = new float[rows.length][config.vocabSize()];
    var asked = new LogitRows(config.vocabSize());
    for (int i = 0; i < rows.length; i++) {
      asked.add(rows[i], 1, logits[i]);
    }
    head(backend).logits(states, asked);
    backend.finish();
    return logits;
  }

  /** The head on a backend. */
  public Head head(Backend backend) {
    return backend.head(config, head.norm(), head.projection(), _ -> {});
  }

  /** Tokens after some rows; row t is at position t. The head chooses them, else they are drawn from its logits. */
  public int[] choices(Backend backend, Tensor states, SamplingParams sampling, int... rows) {
    Head head = head(backend);
    if (!head.chooses(sampling)) {
      return drawn(logits(backend, states, rows), sampling, rows);
    }
    var asked = new LogitRows(config.vocabSize());
    int[][] ids = new int[rows.length][1];
    for (int i = 0; i < rows.length; i++) {
      asked.choose(rows[i], 1, sampling, rows[i] + 1, ids[i]);
    }
    head.logits(states, asked);
    backend.finish();
    return Arrays.stream(ids).mapToInt(id -> id[0]).toArray();
  }

  /** Tokens that the sampler draws from logits of rows; row t is at position t. */
  public int[] drawn(float[][] logits, SamplingParams sampling, int... rows) {
    return IntStream.range(0, rows.length)
        .map(i -> Sampler.pick(
            Sampler.distribution(logits[i], 0, logits[i].length, sampling),
            sampling.random(), PositionRandom.Purpose.TARGET, rows[i] + 1))
        .toArray();
  }

  /** A copy of some rows. */
  public static HiddenRows stored(Backend backend, Tensor states, int from, int count) {
    HiddenRows rows = backend.room(count, states.width());
    backend.store(states, from, rows);
    backend.finish();
    return rows;
  }

  /** One tensor of the rows of all parts. */
  public static Tensor loaded(Backend backend, HiddenRows... parts) {
    Tensor states = backend.tensor(Arrays.stream(parts).mapToInt(HiddenRows::count).sum(), parts[0].width());
    int row = 0;
    for (HiddenRows part : parts) {
      backend.load(part, states, row);
      row += part.count();
    }
    return states;
  }

  /** All layers, prepared. */
  public record Running(TestModel model, Backend backend, LayerStack stack) {

    public Session session(int seed, int count) {
      return new Session(model.ids(seed, count), stack.newCache());
    }

    /** Runs the next {@code rows[i]} ids of {@code sessions.get(i)}; the residual stream after the last layer. */
    public Tensor step(List<Session> sessions, int... rows) {
      TokenIds ids = TokenIds.empty();
      var batch = new Batch();
      for (int i = 0; i < rows.length; i++) {
        Session session = sessions.get(i);
        int first = session.cache.length();
        batch.add(session.cache, first, rows[i]);
        ids = ids.concat(session.ids.slice(first, first + rows[i]));
      }
      Tensor states = model.embed(backend, ids);
      stack.run(batch, states);
      return states;
    }

    public float[] floats(Tensor states, int from, int count) {
      return TestModel.floats(stored(backend, states, from, count));
    }

    public float[][] logits(Tensor states, int... rows) {
      return model.logits(backend, states, rows);
    }
  }

  /** A session: the ids it will run and its cache. */
  public record Session(TokenIds ids, KvCache cache) {}

  public static float[] floats(HiddenRows rows) {
    return rows.bytes().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN));
  }
}
