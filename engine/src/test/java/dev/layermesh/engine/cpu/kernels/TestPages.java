package dev.layermesh.engine.cpu.kernels;

import dev.layermesh.engine.kv.KvCache;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.engine.kv.KvPool;
import dev.layermesh.engine.packed.PackedFormat;

/** Pages of one layer, with memory of their own. */
final class TestPages {
  private TestPages() {}

  /** Pages with the positions of k and v, [positions, HKV*HD]. */
  static KvPages of(KvShape shape, float[] k, float[] v) {
    int width = shape.kvHeads() * shape.headDim();
    int positions = k.length / width;
    var storage = new KvPageStorage(shape);
    KvCache cache = new KvPool(storage, new KvOptions(Long.MAX_VALUE, shape.positions(), false)).newCache();
    cache.reserve(positions);
    var pages = new KvPages(storage);
    pages.show(cache, 0);
    Activations keys = quantized(k, width);
    Activations values = quantized(v, width);
    for (int p = 0; p < positions; p++) {
      pages.put(p, keys, values, p);
    }
    return pages;
  }

  /** Rows of whole blocks are quantized. */
  static Activations quantized(float[] x, int width) {
    int rows = x.length / width;
    Activations activations = Activations.of(x, rows, width);
    if (width % PackedFormat.BLOCK == 0) {
      new ScalarKernels().quantize(activations, 0, rows * activations.blocksPerRow());
    }
    return activations;
  }
}
