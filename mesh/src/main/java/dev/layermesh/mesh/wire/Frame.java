package dev.layermesh.mesh.wire;

import dev.layermesh.decoding.SessionKey;
import io.vertx.core.buffer.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/**
 * One message on the bus. Layout: see the package.
 *
 * @param sender id of the worker or gateway that sends it; answers go to the address derived from it
 * @param key the session and epoch it is about
 * @param message what it says
 */
public record Frame(String sender, SessionKey key, Message message) {
  /** Bytes of a frame at most. */
  public static final int MAX_BYTES = Limits.FRAME_BYTES;

  static final int MAGIC = 0x4D4C; // bytes 'L' 'M'
  static final int VERSION = 1;
  static final int HEADER_BYTES = 32;
  static final int CRC_OFFSET = 28;

  public Frame {
    if (sender.isBlank() || sender.length() > Limits.SENDER_CHARACTERS) {
      throw new IllegalArgumentException("sender \"" + sender + "\": 1 to " + Limits.SENDER_CHARACTERS + " characters");
    }
  }

  /**
   * The frame as bytes.
   *
   * @throws IllegalStateException if they would be more than a receiver takes
   */
  public Buffer encode() {
    var size = FrameWriter.counting();
    write(size);
    byte[] bytes = new byte[size.size()];
    write(FrameWriter.into(bytes));
    return Buffers.of(seal(bytes));
  }

  private void write(FrameWriter out) {
    out.u16(MAGIC).u8(VERSION).u8(Kind.of(message).code()).i32(0);
    out.i64(key.session()).i32(key.epoch()).i32(Body.seq(message)).i32(0).i32(0);
    out.text(sender);
    Body.write(message, out);
  }

  /**
   * Reads a frame. Rows of exit states are a view of {@code bytes}, which must not be changed any more.
   *
   * @throws WireException if they are no frame of this version; nothing else is thrown
   */
  public static Frame decode(Buffer bytes) {
    if (bytes.length() < HEADER_BYTES || bytes.length() > Limits.FRAME_BYTES) {
      throw new WireException("a frame of " + bytes.length() + " bytes");
    }
    ByteBuffer frame = Buffers.view(bytes);
    var in = new FrameReader(frame);
    int magic = in.u16();
    int version = in.u8();
    if (magic != MAGIC || version != VERSION) {
      throw new WireException("magic %04x, version %d: this is version %d".formatted(magic, version, VERSION));
    }
    int kind = in.u8();
    int flags = in.i32();
    long session = in.i64();
    int epoch = in.i32();
    int seq = in.i32();
    int bodyBytes = in.i32();
    int crc = in.i32();
    if (flags != 0 || bodyBytes != bytes.length() - HEADER_BYTES || crc != crc(frame)) {
      throw new WireException(
          "flags %x, %d bytes after the header said to be %d, crc %08x".formatted(
              flags, bytes.length() - HEADER_BYTES, bodyBytes, crc));
    }
    try {
      String sender = in.text();
      var key = new SessionKey(session, epoch);
      Message message = Body.read(Kind.of(kind), key, seq, in);
      in.end();
      return new Frame(sender, key, message);
    } catch (IllegalArgumentException outOfRange) {
      throw new WireException(outOfRange.getMessage(), outOfRange);
    }
  }

  /** Writes length and checksum into the header. */
  static byte[] seal(byte[] bytes) {
    ByteBuffer frame = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    frame.putInt(CRC_OFFSET - 4, bytes.length - HEADER_BYTES);
    frame.putInt(CRC_OFFSET, crc(frame));
    return bytes;
  }

  /** CRC-32C (RFC 3720, appendix B.4) of all bytes but its own four. */
  private static int crc(ByteBuffer frame) {
    var crc = new CRC32C();
    crc.update(frame.slice(0, CRC_OFFSET));
    crc.update(frame.slice(HEADER_BYTES, frame.limit() - HEADER_BYTES));
    return (int) crc.getValue();
  }
}
