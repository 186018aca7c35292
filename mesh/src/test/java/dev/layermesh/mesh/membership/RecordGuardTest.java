package dev.layermesh.mesh.membership;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RecordGuardTest {

  @Test
  void shouldPassRecordsOnUnchangedHoweverTheyAreCut() {
    var random = new SplittableRandom(1);
    ByteBuf records = Unpooled.buffer();
    for (int i = 0; i < 200; i++) {
      byte[] record = new byte[1 + random.nextInt(60)];
      random.nextBytes(record);
      records.writeInt(record.length).writeBytes(record);
    }
    ByteBuf expected = records.copy();
    ByteBuf passed = Unpooled.buffer();
    var channel = new EmbeddedChannel(new RecordGuard());
    while (records.isReadable()) {
      channel.writeInbound(records.readRetainedSlice(Math.min(records.readableBytes(), 1 + random.nextInt(9))));
      passed.writeBytes(channel.<ByteBuf>readInbound());
    }
    assertThat(channel.isOpen()).isTrue();
    assertThat(passed).isEqualTo(expected);
  }

  @Test
  void shouldPassTheLongestRecordOn() {
    var channel = new EmbeddedChannel(new RecordGuard());
    channel.writeInbound(Unpooled.buffer().writeInt(RecordGuard.MAX_RECORD_BYTES));
    channel.writeInbound(Unpooled.wrappedBuffer(new byte[RecordGuard.MAX_RECORD_BYTES]));
    channel.writeInbound(Unpooled.buffer().writeInt(1).writeByte(1));
    assertThat(channel.isOpen()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(ints = {RecordGuard.MAX_RECORD_BYTES + 1, 1 << 30, -1, Integer.MIN_VALUE, 0})
  void shouldCloseAConnectionThatAnnouncesARecordOutOfRange(int length) {
    var guard = new RecordGuard();
    var channel = new EmbeddedChannel(guard);
    channel.writeInbound(Unpooled.buffer().writeInt(2).writeByte(7).writeByte(7));
    assertThat(channel.<ByteBuf>readInbound().readableBytes()).isEqualTo(6);
    ByteBuf prefix = Unpooled.buffer().writeInt(length);
    channel.writeInbound(prefix);
    assertThat(channel.isOpen()).isFalse();
    assertThat(prefix.refCnt()).as("released").isZero();
    ByteBuf late = Unpooled.buffer().writeInt(1);
    guard.channelRead(channel.pipeline().firstContext(), late);
    assertThat(late.refCnt()).as("released").isZero();
    assertThat(channel.<ByteBuf>readInbound()).isNull();
  }
}
