/** What the CPU backends ask the operating system for: memory in huge pages, and cores for threads. */
package dev.layermesh.engine.cpu.os;
