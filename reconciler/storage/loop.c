/* Layer `loop`: the bytes of a file, or those from an offset on, as a block device. A raw file comes from
 * below; a device leaves. Of a qcow2 a loop device would show header and tables instead of the disk in it:
 * that is refused, and layer nbd does it. */
#include "base/loop.h"
#include "model/quantity.h"
#include "storage/looped.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char key[] = "loop";

static void expect(struct layer_job *job)
{
	looped_expect(job, key);
}

static bool open_begin(struct layer_job *job)
{
	const struct LoopLayer *want = job->want->loop;
	const int64_t offset = want->at[LoopLayer_offset] ? want->offset : 0;
	char begins[32], whole[32];
	if (job->below.format != disk_format_raw)
		return layer_fail(job, true, "a layer of nbd in its place shows the disk in it",
			"loop shows the bytes of the file: %s is %s", job->below.path,
			choice_disk_format[job->below.format]);
	if (offset >= job->below.size)
		return layer_fail(job, true, "correct the offset", "%s ends at %s, before the offset %s",
			job->below.path, size_text(job->below.size, whole), size_text(offset, begins));
	return looped_open(job, (uint64_t)offset, 0);
}

const struct layer_driver layer_loop = {
	.key = key,
	.expect = expect,
	.observe = looped_observe,
	.give = looped_give,
	.open = {.begin = open_begin},
	.close = {.begin = looped_close, .end = looped_closed},
	.grow = {.begin = looped_grow},
};
