/**
 * Every byte that crosses the mesh, in one place and versioned.
 *
 * <p>A {@link dev.layermesh.mesh.wire.Frame} is one message of the bus. All fields are little-endian.
 *
 * <table>
 *   <caption>A frame, version 1</caption>
 *   <tr><th>offset</th><th>type</th><th>field</th></tr>
 *   <tr><td>0</td><td>u16</td><td>magic, bytes 'L' 'M'</td></tr>
 *   <tr><td>2</td><td>u8</td><td>version: 1</td></tr>
 *   <tr><td>3</td><td>u8</td><td>kind, see {@link dev.layermesh.mesh.wire.Kind}</td></tr>
 *   <tr><td>4</td><td>u32</td><td>flags: none yet, 0</td></tr>
 *   <tr><td>8</td><td>u64</td><td>session</td></tr>
 *   <tr><td>16</td><td>u32</td><td>epoch</td></tr>
 *   <tr><td>20</td><td>u32</td><td>seq; 0 where a kind has none</td></tr>
 *   <tr><td>24</td><td>u32</td><td>bytes after the header</td></tr>
 *   <tr><td>28</td><td>u32</td><td>CRC-32C of all other bytes</td></tr>
 *   <tr><td>32</td><td>text</td><td>sender: id of the worker or gateway</td></tr>
 *   <tr><td></td><td></td><td>body</td></tr>
 * </table>
 *
 * <p><em>text</em> is a u16 length and UTF-8; <em>ids</em> is a u32 count and u32 token ids; signs never occur: a value
 * with the top bit set is out of range, seeds and hashes excepted.
 *
 * <table>
 *   <caption>Bodies</caption>
 *   <tr><th>kind</th><th>body</th></tr>
 *   <tr><td>1 OPEN_VERIFIER</td><td>u32 opening, sampling, text traceparent; seq is the first work's</td></tr>
 *   <tr><td>2 EXTEND</td><td>u64 parent hash, handoff</td></tr>
 *   <tr><td>3 DRAFT_WINDOW</td><td>u64 parent hash, u32 count, draft tokens, handoff (from its base - 1)</td></tr>
 *   <tr><td>4 CLOSE_VERIFIER</td><td>u32 opening</td></tr>
 *   <tr><td>5 KEEP_ALIVE</td><td>–; seq is the first work's of the opening</td></tr>
 *   <tr><td>16 VERIFIER_OPENED</td><td>u32 opening, u32 cached</td></tr>
 *   <tr><td>17 VERIFIER_REFUSED</td><td>u32 opening, u8 failure code, text</td></tr>
 *   <tr><td>18 EXTENDED</td><td>u32 cached, u32 rows</td></tr>
 *   <tr><td>19 VERDICT</td><td>u32 accepted, u8 has next, u32 next or 0, u32 rows</td></tr>
 *   <tr><td>20 DIVERGED, 21 BEHIND</td><td>u32 cached</td></tr>
 *   <tr><td>22 STALE_EPOCH</td><td>–</td></tr>
 *   <tr><td>23 OVERLOADED</td><td>u32 retry after, milliseconds</td></tr>
 *   <tr><td>24 NO_SESSION, 25 IN_PROGRESS</td><td>–</td></tr>
 *   <tr><td>26 VERIFIER_CLOSED</td><td>u32 opening</td></tr>
 *   <tr><td>32 OPEN_SESSION</td><td>ids prompt, ids committed, ids EOS, u32 max tokens, u32 context length, sampling,
 *     u32 draft tokens, u32 windows, u8 tail, u32 credit window, text traceparent</td></tr>
 *   <tr><td>33 CREDIT</td><td>u32 received, u32 window</td></tr>
 *   <tr><td>34 CANCEL, 35 FINAL_ACK, 48 SESSION_OPENED</td><td>–</td></tr>
 *   <tr><td>49 SESSION_REFUSED, 53 FAILED</td><td>u8 failure code, text</td></tr>
 *   <tr><td>50 TOKENS</td><td>u32 from, ids committed, ids drafted, u32 accepted</td></tr>
 *   <tr><td>51 PREFILLED</td><td>u32 done, u32 total</td></tr>
 *   <tr><td>52 FINISHED</td><td>u8 reason (1 EOS, 2 length, 3 cancelled, 4 superseded), u32 committed, u32 rounds,
 *     u64 drafted, u64 accepted, u64 early rows, u64 late rows</td></tr>
 *   <tr><td>sampling</td><td>f64 temperature, u32 top-k, f64 top-p, u64 seed, u8 rule (0 shared noise,
 *     1 speculative sampling)</td></tr>
 *   <tr><td>handoff</td><td>u8 0, u32 from, ids; or u8 1, u32 from, ids, u16 exit layer, u8 element type (1 F32, 2 F16,
 *     3 BF16), u32 width, zeros up to a multiple of 64 bytes from the frame's start, rows</td></tr>
 *   <tr><td>draft token</td><td>u32 id, then what it was drawn from: u8 0, u32 id; or u8 1, ids, as many f32; or u8 2,
 *     u32 count, f32 each</td></tr>
 * </table>
 */
package dev.layermesh.mesh.wire;
