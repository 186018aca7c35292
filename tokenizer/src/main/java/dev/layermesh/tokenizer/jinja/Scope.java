package dev.layermesh.tokenizer.jinja;

import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The variables of one part of a template, and where each has its value from when that part is entered. */
final class Scope {
  /** Where a variable has its value from. */
  enum Load {
    /** It is set by a call or a loop. */
    PARAMETER,
    /** It is looked up by name among what the template set at its top and what it was given. */
    RESOLVE,
    /** It begins with the value of the variable of that name around it. */
    ALIAS,
    /** It begins undefined. */
    UNDEFINED
  }

  private Optional<Scope> parent = Optional.empty();
  private Map<String, Load> loads = new LinkedHashMap<>();
  private Set<String> stores = new HashSet<>();

  void within(Scope around) {
    parent = Optional.of(around);
  }

  Map<String, Load> loads() {
    return loads;
  }

  boolean defines(String name) {
    return loads.containsKey(name);
  }

  private boolean isKnown(String name) {
    return defines(name) || isKnownAround(name);
  }

  private boolean isKnownAround(String name) {
    return parent.isPresent() && parent.get().isKnown(name);
  }

  void declare(String name) {
    stores.add(name);
    loads.put(name, Load.PARAMETER);
  }

  void load(String name) {
    if (!isKnown(name)) {
      loads.put(name, Load.RESOLVE);
    }
  }

  void store(String name) {
    stores.add(name);
    if (!defines(name)) {
      loads.put(name, isKnownAround(name) ? Load.ALIAS : Load.UNDEFINED);
    }
  }

  /** A copy in which one branch of an {@code if} is analysed. */
  Scope branch() {
    var copy = new Scope();
    copy.parent = parent;
    copy.loads = new LinkedHashMap<>(loads);
    copy.stores = new HashSet<>(stores);
    return copy;
  }

  /** Merges the branches of an {@code if}; a variable that not all of them set keeps its old value. */
  void join(Iterable<Scope> branches, int count) {
    Map<String, Integer> stored = new LinkedHashMap<>();
    for (Scope branch : branches) {
      for (String name : branch.stores) {
        if (!stores.contains(name)) {
          stored.merge(name, 1, Integer::sum);
        }
      }
    }
    for (Scope branch : branches) {
      loads.putAll(branch.loads);
      stores.addAll(branch.stores);
    }
    stored.forEach((name, times) -> {
      if (times < count) {
        loads.put(name, isKnownAround(name) ? Load.ALIAS : Load.RESOLVE);
      }
    });
  }
}
