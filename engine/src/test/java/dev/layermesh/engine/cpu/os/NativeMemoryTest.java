package dev.layermesh.engine.cpu.os;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class NativeMemoryTest {
  private static final int HUGE_PAGE = 2 << 20;

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4096, HUGE_PAGE - 1, HUGE_PAGE, 3 * HUGE_PAGE + 64})
  void shouldGiveZeroedAlignedMemoryForAsLongAsItsArena(int bytes) {
    MemorySegment memory;
    try (Arena arena = Arena.ofShared()) {
      memory = NativeMemory.allocate(bytes, arena);
      assertThat(memory.byteSize()).isEqualTo(bytes);
      assertThat(memory.address() % 64).isZero();
      assertThat(memory.mismatch(MemorySegment.ofArray(new byte[bytes]))).isEqualTo(-1);
      memory.fill((byte) 1);
      if (bytes > 0) {
        assertThat(memory.get(JAVA_BYTE, bytes - 1)).isEqualTo((byte) 1);
      }
    }
    assertThatThrownBy(() -> memory.fill((byte) 2)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void shouldBeginAtAHugePageWhereThereIsAWholeOne() {
    try (Arena arena = Arena.ofShared()) {
      long address = NativeMemory.allocate(HUGE_PAGE, arena).address();
      assertThat(address % (System.getProperty("os.name").equals("Linux") ? HUGE_PAGE : 64)).isZero();
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void shouldGiveMemoryBackWithItsArena() throws IOException {
    long address;
    try (Arena arena = Arena.ofShared()) {
      address = NativeMemory.allocate(32L * HUGE_PAGE, arena).address();
      assertThat(mapped(address)).isTrue();
    }
    assertThat(mapped(address)).isFalse();
  }

  private static boolean mapped(long address) throws IOException {
    return Files.readString(Path.of("/proc/self/maps")).lines()
        .map(line -> line.substring(0, line.indexOf(' ')).split("-"))
        .anyMatch(range -> Long.compareUnsigned(Long.parseUnsignedLong(range[0], 16), address) <= 0
            && Long.compareUnsigned(address, Long.parseUnsignedLong(range[1], 16)) < 0);
  }

  @Test
  void shouldReleasePagesThatCanBeReadAgain(@TempDir Path temp) throws IOException {
    byte[] bytes = new byte[5 * 4096 + 7];
    new Random(1).nextBytes(bytes);
    Path file = Files.write(temp.resolve("weights"), bytes);
    try (Arena arena = Arena.ofShared(); FileChannel channel = FileChannel.open(file)) {
      MemorySegment mapped = channel.map(MapMode.READ_ONLY, 0, bytes.length, arena);
      for (int from : new int[] {0, 1, 4096, 5 * 4096, bytes.length}) {
        NativeMemory.release(mapped.asSlice(from));
        assertThat(mapped.mismatch(MemorySegment.ofArray(bytes))).isEqualTo(-1);
      }
    }
  }

  @Test
  void shouldLeaveMemoryAloneThatIsNoFile() {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(1 << 16);
      memory.fill((byte) 3);
      NativeMemory.release(memory);
      assertThat(memory.get(JAVA_BYTE, 1 << 15)).isEqualTo((byte) 3);
    }
  }
}
