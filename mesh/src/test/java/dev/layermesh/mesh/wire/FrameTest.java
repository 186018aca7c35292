package dev.layermesh.mesh.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.Work;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.internal.buffer.BufferInternal;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(60)
class FrameTest {

  @ParameterizedTest
  @EnumSource(Kind.class)
  void shouldSayTheSameAfterTheWire(Kind kind) {
    var frames = new Frames(kind.code());
    for (int i = 0; i < 300; i++) {
      Frame frame = frames.any(kind);
      Buffer bytes = frame.encode();
      Frame back = Frame.decode(bytes);
      assertThat(Kind.of(back.message())).isEqualTo(kind);
      assertThat(back.sender()).isEqualTo(frame.sender());
      assertThat(back.key()).isEqualTo(frame.key());
      if (frame.message() instanceof Message.Work work) {
        assertSame(work.work(), ((Message.Work) back.message()).work());
      } else {
        assertThat(back).isEqualTo(frame);
      }
      assertThat(back.encode()).isEqualTo(bytes);
    }
  }

  private static void assertSame(Work sent, Work came) {
    assertThat(came.seq()).isEqualTo(sent.seq());
    assertThat(came.parentHash()).isEqualTo(sent.parentHash());
    assertThat(came.handoff().from()).isEqualTo(sent.handoff().from());
    assertThat(came.handoff().ids()).isEqualTo(sent.handoff().ids());
    if (sent instanceof DraftWindow window) {
      assertThat(((DraftWindow) came).tokens()).isEqualTo(window.tokens());
      assertThat(((DraftWindow) came).base()).isEqualTo(window.base());
    }
    if (sent.handoff() instanceof Handoff.ExitStates states) {
      var back = (Handoff.ExitStates) came.handoff();
      assertThat(back.exitLayer()).isEqualTo(states.exitLayer());
      assertThat(back.rows().type()).isEqualTo(states.rows().type());
      assertThat(back.rows().width()).isEqualTo(states.rows().width());
      assertThat(back.rows().bytes().mismatch(states.rows().bytes())).isEqualTo(-1);
    } else {
      assertThat(came.handoff()).isEqualTo(sent.handoff());
    }
  }

  @Test
  void shouldHandOverRowsAsAViewOfTheFrameWithoutACopy() {
    var floats = new float[] {1.5f, -0f, Float.MIN_VALUE, Float.NaN};
    var rows = new HiddenRows.Host(2, 2, HiddenRows.Type.F32, MemorySegment.ofArray(floats));
    var work = new Work.Extend(3, 9, new Handoff.ExitStates(5, TokenIds.of(7, 8), 2, rows));
    Buffer bytes = new Frame("d", new SessionKey(1, 0), new Message.Work(work)).encode();

    assertThat(bytes.length() % 64).as("rows start at a multiple of 64").isEqualTo(floats.length * Float.BYTES);
    var back = ((Handoff.ExitStates) ((Message.Work) Frame.decode(bytes).message()).work().handoff()).rows().bytes();
    for (int i = 0; i < floats.length; i++) {
      assertThat(Float.floatToRawIntBits(back.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i)))
          .isEqualTo(Float.floatToRawIntBits(floats[i]));
    }
    bytes.setFloatLE(bytes.length() - Float.BYTES, 7f);
    assertThat(back.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, floats.length - 1)).as("no copy").isEqualTo(7f);
    assertThat(back.isReadOnly()).isTrue();
  }

  @Test
  void shouldThrowNothingButWireExceptionOnDamagedFrames() {
    var random = new SplittableRandom(4);
    var frames = new Frames(5);
    int refused = 0;
    for (int i = 0; i < 100_000; i++) {
      byte[] bytes = frames.any(Kind.values()[i % Kind.values().length]).encode().getBytes();
      byte[] damaged = damaged(bytes, random);
      // Half of them get a correct checksum, or the checks after it would never run.
      boolean sealed = i % 2 == 0 && damaged.length >= Frame.HEADER_BYTES;
      try {
        Frame.decode(Buffer.buffer(sealed ? Frame.seal(damaged) : damaged));
        assertThat(sealed || Arrays.equals(damaged, bytes)).as("a damaged frame was accepted").isTrue();
      } catch (WireException expected) {
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(60_000);
  }

  private static byte[] damaged(byte[] bytes, SplittableRandom random) {
    byte[] damaged = bytes.clone();
    switch (random.nextInt(4)) {
      case 0 -> damaged[random.nextInt(damaged.length)] ^= (byte) (1 << random.nextInt(8));
      case 1 -> damaged = Arrays.copyOf(damaged, random.nextInt(damaged.length + 40));
      case 2 -> { // a count, a length or an id that is far too large
        int at = random.nextInt(damaged.length);
        for (int i = at; i < Math.min(at + 4, damaged.length); i++) {
          damaged[i] = (byte) (random.nextBoolean() ? 0xFF : 0x7F);
        }
      }
      default -> {
        for (int i = 0; i < 1 + random.nextInt(8); i++) {
          damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
        }
      }
    }
    return damaged;
  }

  @Test
  void shouldAskForRowsOnceAndFillItsBufferExactly() {
    var asked = new AtomicInteger();
    var host = new HiddenRows.Host(2, 40, HiddenRows.Type.F16, MemorySegment.ofArray(new short[80]));
    var rows = new HiddenRows() {
      @Override
      public int count() {
        return host.count();
      }

      @Override
      public int width() {
        return host.width();
      }

      @Override
      public Type type() {
        return host.type();
      }

      @Override
      public MemorySegment bytes() {
        asked.incrementAndGet();
        return host.bytes();
      }
    };
    var work = new Work.Extend(3, 9, new Handoff.ExitStates(5, TokenIds.of(7, 8), 2, rows));
    Buffer frame = new Frame("d", new SessionKey(1, 0), new Message.Work(work)).encode();
    assertThat(asked).hasValue(1);
    assertThat(((BufferInternal) frame).getByteBuf().capacity()).isEqualTo(frame.length());
  }

  @Test
  void shouldRefuseToSendWhatNoReceiverTakes() {
    try (Arena arena = Arena.ofConfined()) {
      var rows = new HiddenRows.Host(16, 1 << 20, HiddenRows.Type.F32, arena.allocate(Limits.FRAME_BYTES));
      var ids = TokenIds.of(new int[16]);
      var frame = new Frame("d", new SessionKey(1, 0), new Message.Work(
          new Work.Extend(0, 9, new Handoff.ExitStates(0, ids, 2, rows))));
      assertThatThrownBy(frame::encode)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("at most " + Limits.FRAME_BYTES + " travel");
    }
  }

  @Test
  void shouldRefuseAnotherVersionByName() {
    byte[] bytes = new Frames(1).any(Kind.CANCEL).encode().getBytes();
    bytes[2] = 2;
    assertThatThrownBy(() -> Frame.decode(Buffer.buffer(Frame.seal(bytes))))
        .isInstanceOf(WireException.class)
        .hasMessageContaining("version 2: this is version 1");
  }

  @Test
  void shouldCarryDraftDistributionsExactly() {
    var tokens = List.of(
        new DraftToken(3, new Distribution.Sparse(new int[] {1, 3}, new float[] {0.25f, 0.75f})),
        new DraftToken(0, new Distribution.Dense(new float[] {0.1f, 0.9f})));
    var window = new DraftWindow(0, 1, 0, new Handoff.Tokens(0, TokenIds.of(9, 3)), tokens);
    Buffer bytes = new Frame("d", new SessionKey(1, 0), new Message.Work(window)).encode();
    assertThat(((DraftWindow) ((Message.Work) Frame.decode(bytes).message()).work()).tokens()).isEqualTo(tokens);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void shouldKeepTheLayoutOfVersionOne(Kind kind) throws Exception {
    String golden;
    try (var lines = FrameTest.class.getResourceAsStream("frames-v1.txt")) {
      golden = new String(lines.readAllBytes(), StandardCharsets.UTF_8);
    }
    String hex = HexFormat.of().formatHex(new Frames(1000 + kind.code()).any(kind).encode().getBytes());
    assertThat(golden.lines()).contains(kind + " " + hex);
  }
}
