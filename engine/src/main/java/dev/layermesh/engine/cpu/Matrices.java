package dev.layermesh.engine.cpu;

import dev.layermesh.engine.checkpoint.TensorView;
import dev.layermesh.engine.cpu.kernels.Matrix;
import dev.layermesh.engine.cpu.kernels.PackedMatrix;
import dev.layermesh.engine.cpu.kernels.StoredMatrix;
import dev.layermesh.engine.cpu.os.NativeMemory;
import dev.layermesh.engine.packed.PackedFormat;
import dev.layermesh.engine.packed.Packer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;

/** Brings weights into the form that the kernels of a CPU backend read. Called by the lane's thread. */
@FunctionalInterface
interface Matrices {
  /** Stored bytes that are packed before the operating system may drop their pages of the file. */
  long AT_ONCE = 16L << 20;

  /** Weights in their memory-mapped files, whose pages are read ahead. */
  Matrices STORED = (views, _, _, loaded) -> {
    views.forEach(view -> {
      if (view.data().isMapped()) {
        view.data().load();
      }
      loaded.accept(view.data().byteSize());
    });
    return views.stream().<Matrix>map(StoredMatrix::new).toList();
  };

  /** Weights packed once by all threads into one piece of memory in huge pages; their files are not needed any more. */
  Matrices PACKED = (views, threads, arena, loaded) -> {
    long bytes = views.stream().mapToLong(view -> aligned(Packer.bytes(view))).sum();
    MemorySegment memory = NativeMemory.allocate(bytes, arena);
    List<Matrix> packed = new ArrayList<>(views.size());
    long at = 0;
    for (TensorView view : views) {
      long size = Packer.bytes(view);
      var matrix = new PackedMatrix(
          view.name(), Packer.format(view), view.rows(), view.columns(), memory.asSlice(at, size));
      int atOnce = (int) Math.max(1, AT_ONCE * matrix.parts() / view.data().byteSize());
      for (int first = 0; first < matrix.parts(); first += atOnce) {
        int begin = first;
        int count = Math.min(atOnce, matrix.parts() - first);
        threads.split(count, size,
            (_, from, to) -> Packer.pack(view, begin + from, begin + to, matrix.groups(begin + from, begin + to)));
        MemorySegment read = view.data().asSlice(
            view.rowBytes() * PackedFormat.GROUP * first,
            view.rowBytes() * Math.min(PackedFormat.GROUP * count, view.rows() - PackedFormat.GROUP * first));
        NativeMemory.release(read);
        loaded.accept(read.byteSize());
      }
      packed.add(matrix);
      at += aligned(size);
    }
    return packed;
  };

  /**
   * Prepares weights.
   *
   * @param views where they are stored
   * @param threads that pack
   * @param arena of the packed weights
   * @param loaded receives how many more stored bytes have been read
   * @return one for each view, in order
   */
  List<Matrix> prepare(List<TensorView> views, KernelThreads threads, Arena arena, LongConsumer loaded);

  private static long aligned(long bytes) {
    return Math.ceilDiv(bytes, 64) * 64;
  }
}
