/* Block devices as the kernel knows them: who uses one. Nothing is opened for writing, nothing is changed.
 * `root` stands before /sys, /proc and /dev: "" but in tests. */
#pragma once
#include "storage/layer.h"

struct device_at {
	const char *root;
	const char *path; /* as it is opened */
	const char *id;   /* "b:MAJOR:MINOR" */
};
/* What dom0 does with the device or a partition of it: "it is mounted on /srv", "dm-0 (vg0-data) stands on
 * it", "dom0 swaps on it". NULL: nothing. */
const char *device_dom0_use(struct arena *, const struct device_at *);
/* The same, and guests' backends, loop devices on it, and processes that have it open, but for those of
 * process `server` (0: none is spared). For people; NULL: nobody uses it. Told by what the kernel says at
 * this moment. */
const char *device_use(struct arena *, const struct device_at *, int64_t server);
/* May a device be closed? udev and its likes look at a device for a moment, and a guest's backend goes a
 * moment after its guest: for the first two seconds of a step a use is waited out. */
enum unused {
	UNUSED,
	UNUSED_PERHAPS, /* job->argv waits for a moment; then ask again */
	USED,           /* job->error says by whom */
};
enum unused device_unused(struct layer_job *, const struct device_at *, int64_t server);
/* Size of an opened block device, bytes; -1 with errno set. */
int64_t device_size(int fd);
