/* Loop devices of the kernel: which there are, how one comes and goes. What xensteer binds for itself carries
 * a mark in the kernel's own name field, set by the call that binds, so that there is no moment in which such
 * a device is there and not known as ours. xl's block script and losetup leave a path there. */
#pragma once
#include "base/text.h"
#include <stdint.h>

enum { LOOP_MARK_LIMIT = 63 /* bytes: the kernel keeps no more */ };
/* Every mark begins so, and no path does. */
extern const char loop_mark_prefix[];

struct loop {
	unsigned number;
	const char *device; /* /dev/loopN */
	const char *id;     /* "b:MAJOR:MINOR" of it */
	const char *behind; /* what it shows: "MAJOR:MINOR:INODE" of a file, "b:MAJOR:MINOR" of a device */
	const char *mark;   /* "" where it has none of ours */
	uint64_t offset, limit; /* bytes; limit 0: to the end */
	int64_t size;           /* of the device, bytes */
	bool read_only;
};

/* Adds every bound loop device that can be looked at (struct loop). `root` stands before /sys and /dev: ""
 * but in tests. */
void loop_list(struct arena *, const char *root, struct list *);

struct loop_wish {
	int file; /* a descriptor of what is to be shown, open for writing unless read_only */
	uint64_t offset, limit;
	bool read_only;
	const char *mark;
};
/* Binds a free device, without double caching where what is below can do that, with sectors of 512 bytes as
 * disks of guests have them. Its number; -1 with errno set. */
int loop_attach(const char *root, const struct loop_wish *);
/* Takes the size of what is below anew. false with errno set. */
bool loop_grow(const struct loop *) __attribute__((warn_unused_result));
/* Unbinds it, if it still carries this mark. Somebody who has it open keeps it until he closes it. false with
 * errno set (ENXIO: it is not bound, or not ours any more). */
bool loop_detach(const struct loop *) __attribute__((warn_unused_result));
