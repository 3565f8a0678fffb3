/* The header of a qcow2 file, read without a program and without following anything that it names. Only for
 * files of which a label or a manifest says that they are qcow2: a format is never probed. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { QCOW2_BACKING = 1023 }; /* longest backing name, docs/interop/qcow2.txt */
struct qcow2 {
	uint32_t version;
	int64_t size;  /* virtual, bytes */
	bool corrupt;  /* QEMU marked it so */
	bool external; /* its data lie in another file */
	bool encrypted;
	char backing[QCOW2_BACKING + 1]; /* "" for none */
	char backing_format[16];         /* "" where the header does not say */
};
/* false: it is no qcow2 file that we understand, *why says what is wrong with it. Moves no file offset. */
bool qcow2_read(int descriptor, struct qcow2 *, const char **why) __attribute__((warn_unused_result));
