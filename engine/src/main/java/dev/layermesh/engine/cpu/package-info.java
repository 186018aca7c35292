/** Backends that compute on the CPU: plain Java, Java's Vector API, and C. */
package dev.layermesh.engine.cpu;
