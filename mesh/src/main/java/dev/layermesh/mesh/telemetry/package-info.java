/** Traces: whether they are exported, what spans are called, and how a trace crosses the event bus. */
package dev.layermesh.mesh.telemetry;
