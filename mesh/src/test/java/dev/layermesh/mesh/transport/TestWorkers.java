package dev.layermesh.mesh.transport;

import dev.layermesh.mesh.membership.Registration;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.mesh.membership.Workers;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/** Workers that join and leave as a test says. */
final class TestWorkers implements Workers {
  private final Map<String, WorkerAd> ads = new ConcurrentHashMap<>();
  private final List<Consumer<String>> listeners = new CopyOnWriteArrayList<>();

  TestWorkers join(Role role, String id) {
    ads.put(id, new WorkerAd(id, role, "toy", "f", "toy", 1, 4, 2, 4, 13, 4096, false, 0, false));
    return this;
  }

  void leave(String id) {
    ads.remove(id);
    listeners.forEach(listener -> listener.accept(id));
  }

  /** The first verify worker that is not suspected. */
  Optional<WorkerAd> verifier(Set<String> suspects) {
    return live(Role.VERIFY).stream().filter(ad -> !suspects.contains(ad.id())).findFirst();
  }

  @Override
  public List<WorkerAd> live(Role role) {
    return ads.values().stream().filter(ad -> ad.role() == role).sorted(Comparator.comparing(WorkerAd::id)).toList();
  }

  @Override
  public Registration onLeave(Consumer<String> listener) {
    listeners.add(listener);
    return () -> listeners.remove(listener);
  }
}
