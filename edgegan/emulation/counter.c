/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Counts the instructions that an emulated process executes, by class. QEMU loads this file's shared
 * object into its own process, and QEMU is licensed under the GPL, version 2 or later: so is this file,
 * alone in edgegan. Nothing else links to it; edgegan reads the text that it writes.
 *
 *   cc -O2 -shared -fPIC -o counter.so counter.c
 *   qemu-aarch64 -plugin counter.so,out=FILE PROGRAM
 *
 * Whenever the process calls getppid(), one line of totals since its start is appended to FILE: the
 * calls mark the borders of what is to be measured. On x86-64 only `all` is counted.
 *
 * The declarations follow version 1 of QEMU's plugin interface (QEMU 4.2 to 8.2), which Debian packages
 * no header for.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint64_t plugin_id;
struct plugin_info {
    const char *target_name;
};
struct block;
struct instruction;

typedef void (*translated)(plugin_id, struct block *);
typedef void (*system_call)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                            uint64_t, uint64_t, uint64_t, uint64_t);

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, translated);
extern void qemu_plugin_register_vcpu_syscall_cb(plugin_id, system_call);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct block *, int, void *, uint64_t);
extern size_t qemu_plugin_tb_n_insns(const struct block *);
extern struct instruction *qemu_plugin_tb_get_insn(const struct block *, size_t);
extern const void *qemu_plugin_insn_data(const struct instruction *);

int qemu_plugin_version = 1;

enum { ADD_U64 = 0 };
enum { ALL, SIMD, DOT, MMLA, WIDENING_MULTIPLY, FMA, CLASSES };
static const char *const names[CLASSES] = {"all", "simd", "dot", "mmla", "widening_multiply", "fma"};

/* Arm Architecture Reference Manual, C4.1: an instruction word is of a class if word & mask == value.
 * Q (bit 30) tells 64 from 128 bits and U (bit 29) signed from unsigned: both are left out of most. */
static const struct {
    uint32_t mask, value;
    int class;
} encodings[] = {
    {0x0E000000, 0x0E000000, SIMD},              /* Advanced SIMD and scalar floating point */
    {0x9FE0FC00, 0x0E809400, DOT},               /* SDOT, UDOT (vector) */
    {0xBFE0FC00, 0x0E809C00, DOT},               /* USDOT (vector) */
    {0x9FC0F400, 0x0F80E000, DOT},               /* SDOT, UDOT (by element) */
    {0xBF40F400, 0x0F00F000, DOT},               /* SUDOT, USDOT (by element) */
    {0xDFE0FC00, 0x4E80A400, MMLA},              /* SMMLA, UMMLA */
    {0xFFE0FC00, 0x4E80AC00, MMLA},              /* USMMLA */
    {0x9F20DC00, 0x0E208000, WIDENING_MULTIPLY}, /* [SU]MLAL, [SU]MLSL (vector) */
    {0x9F20FC00, 0x0E20C000, WIDENING_MULTIPLY}, /* [SU]MULL (vector) */
    {0x9F00B400, 0x0F002000, WIDENING_MULTIPLY}, /* [SU]MLAL, [SU]MLSL (by element) */
    {0x9F00F400, 0x0F00A000, WIDENING_MULTIPLY}, /* [SU]MULL (by element) */
    {0xBF20FC00, 0x0E20CC00, FMA},               /* FMLA, FMLS (vector), 32 and 64 bits */
    {0xBF80B400, 0x0F801000, FMA},               /* FMLA, FMLS (by element), 32 and 64 bits */
};

static uint64_t totals[CLASSES];
static int decodes;
static int64_t marker;
static FILE *out;

static void on_translated(plugin_id id, struct block *block)
{
    size_t length = qemu_plugin_tb_n_insns(block);
    uint64_t counts[CLASSES] = {length};
    for (size_t i = 0; decodes && i < length; i++) {
        uint32_t word;
        memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, i)), sizeof word);
        for (size_t e = 0; e < sizeof encodings / sizeof *encodings; e++)
            counts[encodings[e].class] += (word & encodings[e].mask) == encodings[e].value;
    }
    for (int c = 0; c < CLASSES; c++)
        if (counts[c])
            qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, &totals[c], counts[c]);
}

static void on_system_call(plugin_id id, unsigned cpu, int64_t number, uint64_t a, uint64_t b,
                           uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
    if (number != marker)
        return;
    for (int i = 0; i < (decodes ? CLASSES : 1); i++)
        fprintf(out, "%s%s=%" PRIu64, i ? " " : "", names[i], totals[i]);
    fputc('\n', out);
    fflush(out);
}

int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int count, char **arguments)
{
    decodes = strcmp(info->target_name, "aarch64") == 0;
    marker = decodes ? 173 : 110; /* getppid */
    if (count != 1 || strncmp(arguments[0], "out=", 4) != 0)
        return 1;
    out = fopen(arguments[0] + 4, "w");
    if (!out)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
    qemu_plugin_register_vcpu_syscall_cb(id, on_system_call);
    return 0;
}
