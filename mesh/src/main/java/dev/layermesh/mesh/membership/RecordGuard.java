package dev.layermesh.mesh.membership;

import dev.layermesh.mesh.wire.Frame;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Closes a connection to the event bus that announces a record longer than any node sends. A record is a big-endian u32
 * length and as many bytes; Vert.x collects them all before it looks at them, so a length of 1 GB and data to follow
 * would fill the heap. Looks at the bytes and passes them on unchanged. One for each connection, on its event loop.
 */
final class RecordGuard extends ChannelInboundHandlerAdapter {
  private static final Logger LOG = LoggerFactory.getLogger(RecordGuard.class);
  /** Vert.x's own fields, addresses and headers around a body. */
  private static final int ENVELOPE_BYTES = 64 << 10;
  static final int MAX_RECORD_BYTES = Frame.MAX_BYTES + ENVELOPE_BYTES;

  private int lengthBytes; // of the length field, read so far
  private int length; // as far as it is read
  private int missing; // bytes of the current record
  private boolean closed;

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (closed) {
      ReferenceCountUtil.release(message);
    } else if (message instanceof ByteBuf bytes && !accepts(bytes)) {
      closed = true;
      LOG.warn("closed a connection from {}: it announced a record of {} bytes, at most {} are accepted",
          context.channel().remoteAddress(), Integer.toUnsignedString(length), MAX_RECORD_BYTES);
      bytes.release();
      context.close();
    } else {
      context.fireChannelRead(message);
    }
  }

  /** Follows the records in {@code bytes} without consuming them; false at the first length that is out of range. */
  private boolean accepts(ByteBuf bytes) {
    int at = bytes.readerIndex();
    int end = bytes.writerIndex();
    while (at < end) {
      if (missing > 0) {
        int skipped = Math.min(missing, end - at);
        missing -= skipped;
        at += skipped;
      } else {
        length = length << Byte.SIZE | bytes.getUnsignedByte(at++);
        if (++lengthBytes == Integer.BYTES) {
          if (length < 1 || length > MAX_RECORD_BYTES) {
            return false;
          }
          missing = length;
          lengthBytes = 0;
          length = 0;
        }
      }
    }
    return true;
  }

  /** Puts a guard before everything else that reads from the connections that a server accepts. */
  @Sharable
  static final class OnAccept extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      if (message instanceof Channel accepted) {
        accepted.pipeline().addFirst(new RecordGuard());
      }
      context.fireChannelRead(message);
    }
  }
}
