package dev.layermesh.mesh.membership;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Finds ports whose listener is no Hazelcast member or hangs. Hazelcast itself waits for an answer from such a listener
 * until joining times out.
 */
final class MemberProbe {
  /** The first bytes on a member connection, sent by both sides. */
  private static final byte[] MEMBER_PROTOCOL = "HZC".getBytes(StandardCharsets.US_ASCII);
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private MemberProbe() {}

  /** Those of {@code candidates}, {@code HOST:PORT} each, that accept a connection and do not answer as a member. */
  static List<String> nonMembers(List<String> candidates) {
    Map<String, Future<Boolean>> answers = new LinkedHashMap<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      candidates.forEach(candidate -> answers.put(candidate, threads.submit(() -> isNonMember(candidate))));
    }
    return answers.keySet().stream().filter(candidate -> answers.get(candidate).resultNow()).toList();
  }

  private static boolean isNonMember(String candidate) {
    int colon = candidate.lastIndexOf(':');
    String host = candidate.substring(0, colon).replaceAll("[\\[\\]]", "");
    try (Socket socket = new Socket()) {
      int millis = (int) PATIENCE.toMillis();
      socket.connect(new InetSocketAddress(host, Integer.parseInt(candidate.substring(colon + 1))), millis);
      socket.setSoTimeout(millis);
      return !answersAsMember(socket);
    } catch (IOException e) {
      return false;
    }
  }

  private static boolean answersAsMember(Socket socket) {
    try {
      socket.getOutputStream().write(MEMBER_PROTOCOL);
      return Arrays.equals(MEMBER_PROTOCOL, socket.getInputStream().readNBytes(MEMBER_PROTOCOL.length));
    } catch (IOException e) {
      return false;
    }
  }
}
