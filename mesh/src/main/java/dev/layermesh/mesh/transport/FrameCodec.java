package dev.layermesh.mesh.transport;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.MessageCodec;

/**
 * A frame as body of a bus message: its length as big-endian u32, its bytes. Frames never change once sent, so neither
 * local delivery nor decoding copies them. Every message carries the codec's name, so it is short.
 */
final class FrameCodec implements MessageCodec<Buffer, Buffer> {
  static final String NAME = "lm";

  @Override
  public void encodeToWire(Buffer wire, Buffer frame) {
    wire.appendInt(frame.length()).appendBuffer(frame);
  }

  @Override
  public Buffer decodeFromWire(int position, Buffer wire) {
    int start = position + Integer.BYTES;
    return wire.slice(start, start + wire.getInt(position));
  }

  @Override
  public Buffer transform(Buffer frame) {
    return frame;
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public byte systemCodecID() {
    return -1;
  }
}
