package dev.layermesh.mesh.wire;

import io.netty.buffer.Unpooled;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.internal.buffer.BufferInternal;
import java.nio.ByteBuffer;

/**
 * Vert.x buffers over bytes that are not copied. {@code Buffer.buffer(byte[])} and {@code Buffer.getBytes()} copy; only
 * Vert.x's internal buffer type does not, and only this class uses it.
 */
final class Buffers {
  private Buffers() {}

  /** A buffer over {@code bytes} themselves. */
  static Buffer of(byte[] bytes) {
    return BufferInternal.buffer(Unpooled.wrappedBuffer(bytes));
  }

  /** The bytes of {@code buffer} themselves. */
  static ByteBuffer view(Buffer buffer) {
    return ((BufferInternal) buffer).getByteBuf().nioBuffer();
  }
}
