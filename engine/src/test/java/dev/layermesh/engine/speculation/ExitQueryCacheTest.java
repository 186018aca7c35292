package dev.layermesh.engine.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.layermesh.decoding.HiddenRows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Exit states of one number each; the test writes into the room as the lane would. */
@Timeout(20)
class ExitQueryCacheTest {
  private static final int BLOCK = 4;

  /** Room that a test can write, as a backend's is. */
  private record Room(MemorySegment writable) implements HiddenRows {
    @Override
    public int count() {
      return (int) (writable.byteSize() / Float.BYTES);
    }

    @Override
    public int width() {
      return 1;
    }

    @Override
    public Type type() {
      return Type.F32;
    }

    @Override
    public MemorySegment bytes() {
      return writable.asReadOnly();
    }

    @Override
    public HiddenRows slice(int from, int to) {
      return new Room(writable.asSlice((long) from * Float.BYTES, (long) (to - from) * Float.BYTES));
    }
  }

  private int rooms;
  private final ExitQueryCache cache = new ExitQueryCache(BLOCK, count -> {
    rooms++;
    return room(count);
  });

  private static HiddenRows room(int count) {
    return new Room(MemorySegment.ofArray(new byte[count * Float.BYTES]));
  }

  private static void write(HiddenRows room, float... values) {
    MemorySegment.copy(values, 0, ((Room) room).writable(), ValueLayout.JAVA_FLOAT_UNALIGNED, 0, values.length);
  }

  private static HiddenRows rows(float... values) {
    HiddenRows rows = room(values.length);
    write(rows, values);
    return rows;
  }

  private static float[] read(HiddenRows rows) {
    return rows.bytes().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  /** Runs rows with these states. */
  private void run(float... values) {
    int at = 0;
    for (HiddenRows part : cache.room(values.length)) {
      for (int i = 0; i < part.count(); i++) {
        write(part.slice(i, i + 1), values[at++]);
      }
    }
    assertThat(at).isEqualTo(values.length);
    cache.advance(values.length);
  }

  @Test
  void shouldHandOutAWindowAsSlicesOfItsBlocks() {
    run(0, 1, 2);
    for (int i = 3; i < 10; i++) {
      run(i);
    }
    assertThat(rooms).isEqualTo(3);
    assertThat(read(cache.rows(2, 9))).containsExactly(2, 3, 4, 5, 6, 7, 8);
    assertThat(cache.rows(4, 8).parts()).hasSize(1);
    assertThat(cache.rows(3, 5).parts()).hasSize(2);
    HiddenRows window = cache.rows(8, 10);
    cache.truncate(9);
    run(-9);
    assertThat(read(window)).as("no copy").containsExactly(8, -9);
  }

  @Test
  void shouldWriteRowsOfARejectedWindowInPlace() {
    run(0, 1, 2, 3, 4, 5);
    cache.truncate(2);
    run(-2, -3, -4);
    assertThat(read(cache.rows(0, 5))).containsExactly(0, 1, -2, -3, -4);
    assertThat(rooms).isEqualTo(2);
  }

  @Test
  void shouldNeverWriteRowsAgainThatOtherSessionsRead() {
    run(0, 1, 2, 3, 4, 5);
    HiddenRows shared = cache.share(0, BLOCK);
    cache.truncate(2);
    run(-2, -3, -4);
    assertThat(read(shared)).containsExactly(0, 1, 2, 3);
    assertThat(read(cache.rows(0, 5))).containsExactly(0, 1, -2, -3, -4);
  }

  @Test
  void shouldContinueBehindPartOfABlockOfAnotherSession() {
    HiddenRows others = rows(0, 1, 2, 3);
    HiddenRows more = rows(4, 5, 6, 7);
    cache.append(others);
    cache.append(more.slice(0, 2));
    run(-6, -7, -8);
    assertThat(read(cache.rows(0, 9))).containsExactly(0, 1, 2, 3, 4, 5, -6, -7, -8);
    assertThat(read(cache.share(BLOCK, 2 * BLOCK))).containsExactly(4, 5, -6, -7);
    cache.truncate(5);
    run(-50);
    assertThat(read(more)).containsExactly(4, 5, 6, 7);
    assertThat(read(cache.rows(3, 6))).containsExactly(3, 4, -50);
  }

  /** Compares the cache with a plain list over many random histories. */
  @Test
  void shouldHoldWhatWasWrittenLastAtEachPosition() {
    var random = new Random(7);
    var expected = new ArrayList<Float>();
    var shared = new ArrayList<HiddenRows>();
    var sharedValues = new ArrayList<float[]>();
    for (int step = 1; step < 3000; step++) {
      switch (random.nextInt(5)) {
        case 0 -> {
          int length = random.nextInt(cache.length() + 1);
          cache.truncate(length);
          expected.subList(length, expected.size()).clear();
        }
        case 1 -> {
          int from = cache.length() / BLOCK * BLOCK - BLOCK;
          if (from >= 0) {
            shared.add(cache.share(from, from + BLOCK));
            sharedValues.add(read(shared.getLast()));
          }
        }
        case 2 -> {
          int count = 1 + random.nextInt(BLOCK - cache.length() % BLOCK);
          float[] values = values(step, count);
          cache.append(rows(values));
          add(expected, values);
        }
        default -> {
          float[] values = values(step, 1 + random.nextInt(2 * BLOCK));
          run(values);
          add(expected, values);
        }
      }
      assertThat(cache.length()).isEqualTo(expected.size());
      if (!expected.isEmpty()) {
        int from = random.nextInt(expected.size());
        assertThat(floats(read(cache.rows(from, expected.size()))))
            .isEqualTo(expected.subList(from, expected.size()));
      }
      if (expected.size() > 100) {
        cache.truncate(3);
        expected.subList(3, expected.size()).clear();
      }
    }
    assertThat(shared).isNotEmpty();
    for (int i = 0; i < shared.size(); i++) {
      assertThat(read(shared.get(i))).isEqualTo(sharedValues.get(i));
    }
  }

  private static float[] values(int step, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = step * 10 + i;
    }
    return values;
  }

  private static void add(List<Float> all, float[] more) {
    all.addAll(floats(more));
  }

  private static List<Float> floats(float[] values) {
    var list = new ArrayList<Float>();
    for (float value : values) {
      list.add(value);
    }
    return list;
  }
}
