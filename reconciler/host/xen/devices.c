/* Disks and nics of a guest that runs. Whether one is there is told by /libxl and by its backend, which dom0
 * writes, never by xl's exit status: xl fails and leaves a device behind, or succeeds and nobody serves it.
 *
 *   attach   there, as it is meant to be      done
 *            there, by halves                 taken away, then as if it had not been there
 *            there, otherwise                 failure: the plan detaches what it knows of
 *            absent                           xl attaches it; what that leaves by halves is taken away
 *   detach   absent                           done, once the loop device of a file is free again
 *            there                            xl detaches it; a disk that the guest does not let go of
 *                                             within 10 s is forced
 *   grow     a file behind a loop device      that takes the file's size
 *            a device                          done: the backend looks for itself
 *
 * A frontend that has not connected is the guest's affair: a backend that waits for it is a device that is
 * there.
 */
#include "base/file.h"
#include "host/xen/cfg.h"
#include "host/xen/dom0.h"
#include "host/xen/job.h"
#include "model/quantity.h"
#include <stdlib.h>
#include <string.h>

enum {
	PACE = 200,           /* ms between two looks */
	SERVE_LIMIT = 10000,  /* QEMU takes 0.3 s */
	RELEASE_LIMIT = 3000, /* of a loop device by the hotplug script */
	CLEAR_TRIES = 2,
};

static const struct store_device *disk_there(struct job *job)
{
	struct list devices = store_devices(job->xen->store, job->arena, job->domid, "vbd");
	for (uint32_t i = 0; i < devices.count; i++) {
		const struct store_device *device = devices.item[i];
		if (text_equal(device->vdev, job->disk->vdev))
			return device;
	}
	return NULL;
}

/* By its number where that is known (of two with one address it is this one), else by its address. */
static const struct store_device *nic_there(struct job *job)
{
	struct list devices = store_devices(job->xen->store, job->arena, job->domid, "vif");
	const bool numbered = job->verb == verb_nic_detach && KNOWN(job->nic, Nic, device);
	for (uint32_t i = 0; i < devices.count; i++) {
		const struct store_device *device = devices.item[i];
		if (text_equal(device->mac, job->nic->mac) &&
			(!numbered || device->number == job->nic->device))
			return device;
	}
	return NULL;
}

static void note_trouble(struct job *job)
{
	const struct run_result *result = job_result(job);
	if (job_succeeded(job) || job->trouble)
		return;
	job->trouble = xl_failure(job->arena, job->argv, result);
	job->hint = xl_hint(result);
	job->trouble_outcome = job->hint ? OUTCOME_TERMINAL : OUTCOME_TRANSIENT;
}

static void fail_with_trouble(struct job *job, const char *otherwise)
{
	if (job->trouble)
		job_fail(job, job->trouble_outcome, job->hint, "%s", job->trouble);
	else
		job_fail(job, OUTCOME_TRANSIENT, NULL, "%s", otherwise);
}

/* Disks. */

static void disk_clear(struct job *job, void (*then)(struct job *))
{
	job->tries++;
	job_run(job, job_xl(job, "block-detach", "--force", job_domid(job, job->domid), job->disk->vdev),
		job_left(job), then);
}

static bool is_wanted_disk(const struct job *job, const struct store_device *device)
{
	return text_equal(device->target, job->link.path) &&
	       device->writes == (job->disk->access == access_rw);
}

/* Nobody serves it yet: that is how a qcow2 begins, and for how long is QEMU's affair. */
static bool is_served(const struct store_device *device)
{
	return device->fault == fault_none &&
	       (device->qdisk ? device->state > BACKEND_INITIALISING : device->plugged);
}

/* A failed attachment is not left behind. */
static void disk_attach_cleared(struct job *job)
{
	const char *left = disk_there(job) ? ": what is left of it could not be taken away" : "";
	job_fail(job, job->trouble_outcome, job->hint, "%s%s", job->trouble, left);
}

static void disk_attach_judge(struct job *job)
{
	const struct store_device *device = disk_there(job);
	if (device && is_wanted_disk(job, device) && is_served(device)) {
		job_done(job, NULL);
	} else if (device && device->qdisk && device->fault == fault_unserved && !job->trouble &&
		   runner_now() - job->since < SERVE_LIMIT) {
		job_sleep(job, PACE, disk_attach_judge);
	} else if (device) {
		const char *words = device->qdisk ? qemu_words(job->arena, job->name, "failed") : NULL;
		if (!job->trouble) {
			job->trouble = arena_format(job->arena, "disk %s is not served%s%s", job->disk->vdev,
				words ? ": " : "", words ? words : "");
			job->trouble_outcome = OUTCOME_TRANSIENT;
		}
		disk_clear(job, disk_attach_cleared);
	} else {
		fail_with_trouble(job, "xl block-attach has not attached it");
	}
}

static void disk_attach_ended(struct job *job)
{
	note_trouble(job);
	job->since = runner_now();
	disk_attach_judge(job);
}

/* xl may say 0 where there is no QEMU to serve a qcow2: it is not even tried. */
static void disk_attach_run(struct job *job)
{
	BUFFER_SCOPED text = {0};
	char *error = NULL;
	if (job->link.format != disk_format_raw && !store_device_model(job->xen->store, job->domid)) {
		job_fail(job, OUTCOME_TERMINAL, "a restart gives it one",
			"disk %s is a qcow2, and the guest has no QEMU to serve it", job->disk->vdev);
	} else if (!cfg_disk(&text, job->disk, &job->link, &error)) {
		job_fail(job, OUTCOME_TERMINAL, NULL, "%s", error);
		free(error);
	} else {
		job_run(job,
			job_xl(job, "block-attach", job_domid(job, job->domid),
				arena_text(job->arena, buffer_string(&text)), NULL),
			job_left(job), disk_attach_ended);
	}
}

static void disk_attach_look(struct job *job)
{
	if (!job_alive(job))
		return;
	const struct store_device *device = disk_there(job);
	if (!device && job->config && !acknowledge_prepare(job))
		return;
	if (!device)
		disk_attach_run(job);
	else if (is_wanted_disk(job, device) && is_served(device))
		job_done(job, "it was attached already");
	else if (device->fault == fault_none)
		job_fail(job, OUTCOME_TRANSIENT, NULL, "disk %s is there already: %s", job->disk->vdev,
			device->target ? device->target : "it is not known what it is");
	else if (job->tries < CLEAR_TRIES)
		disk_clear(job, disk_attach_begin);
	else
		job_fail(job, OUTCOME_TRANSIENT, NULL,
			"what is left of an earlier disk %s could not be taken away", job->disk->vdev);
}

void disk_attach_begin(struct job *job)
{
	job_look(job, disk_attach_look);
}

/* Is this loop device still on the file that the guest had? */
static bool loop_holds(const char *node, const char *target)
{
	ARENA_SCOPED arena = arena_new();
	if (!node || !target || !text_starts(node, "/dev/loop") || node[strspn(node + 9, "0123456789") + 9] ||
		!node[9])
		return false;
	const char *path = arena_format(arena, "/sys/block/%s/loop/backing_file", node + strlen("/dev/"));
	const char *file = file_read(arena, path, 4096, NULL);
	return file && text_starts(file, target) && strchr("\n ", file[strlen(target)]);
}

static void disk_gone(struct job *job)
{
	job_done(job, NULL);
}

/* The hotplug script frees it; after a forced detachment nobody does. Others that have it open keep it: the
 * kernel frees a loop device that is in use only when its last user is gone. */
static void loop_await(struct job *job)
{
	if (!loop_holds(job->loop, job->loop_target))
		disk_gone(job);
	else if (runner_now() - job->since < RELEASE_LIMIT)
		job_sleep(job, PACE, loop_await);
	else
		job_run(job, job_words(job, "losetup", "-d", job->loop, NULL), RELEASE_LIMIT, disk_gone);
}

static void disk_detach_look(struct job *job);

static void disk_detach_ended(struct job *job)
{
	note_trouble(job);
	job->since = runner_now();
	disk_detach_begin(job);
}

static void disk_detach_look(struct job *job)
{
	if (!job_alive(job))
		return;
	const struct store_device *device = disk_there(job);
	if (!device) {
		loop_await(job);
		return;
	}
	job->loop = device->node;
	job->loop_target = device->target;
	const bool forced = device->fault != fault_none || job->tries;
	if (job->tries > 1) {
		fail_with_trouble(job, "it is still there");
	} else if (forced) {
		disk_clear(job, disk_detach_ended);
	} else {
		job->tries++;
		job_run(job, job_xl(job, "block-detach", job_domid(job, job->domid), job->disk->vdev, NULL),
			job_left(job), disk_detach_ended);
	}
}

void disk_detach_begin(struct job *job)
{
	job_look(job, disk_detach_look);
}

/* The backend tells the guest of its device's size when that has changed, at the guest's next request. A file
 * is behind a loop device, which keeps the size that the file had. */
static void disk_grow_judge(struct job *job)
{
	const int64_t size = block_size(job->arena, "", job->loop);
	char is[32], wanted[32];
	if (size >= job->link.size)
		job_done(job, NULL);
	else if (!job_succeeded(job))
		job_fail(job, OUTCOME_TRANSIENT, NULL, "%s",
			xl_failure(job->arena, job->argv, job_result(job)));
	else
		job_fail(job, OUTCOME_TRANSIENT, NULL, "%s has %s after it was grown, instead of %s",
			job->loop, size_text(size, is), size_text(job->link.size, wanted));
}

static void disk_grow_look(struct job *job)
{
	if (!job_alive(job))
		return;
	const struct store_device *device = disk_there(job);
	if (!device || device->fault != fault_none)
		job_fail(job, OUTCOME_TRANSIENT, NULL, "disk %s is not there, or not whole", job->disk->vdev);
	else if (device->qdisk)
		job_fail(job, OUTCOME_TERMINAL, "a restart opens it anew",
			"disk %s is served by a QEMU, which keeps the size that it found", job->disk->vdev);
	else if (!text_equal(device->target, job->link.path))
		job_fail(job, OUTCOME_TRANSIENT, NULL, "disk %s is %s by now", job->disk->vdev,
			device->target ? device->target : "another");
	else if (!device->node || !loop_holds(device->node, device->target))
		job_done(job, NULL);
	else {
		job->loop = device->node;
		job_run(job, job_words(job, "losetup", "-c", device->node, NULL), job_left(job),
			disk_grow_judge);
	}
}

void disk_grow_begin(struct job *job)
{
	job_look(job, disk_grow_look);
}

/* Nics. */

static void nic_clear(struct job *job, const struct store_device *device, void (*then)(struct job *))
{
	job->tries++;
	job_run(job,
		job_xl(job, "network-detach", job_domid(job, job->domid), job_domid(job, device->number),
			NULL),
		job_left(job), then);
}

static bool is_plugged(const struct job *job, const struct store_device *device)
{
	return device->fault == fault_none && device->plugged && text_equal(device->bridge, job->nic->bridge);
}

static void nic_attach_cleared(struct job *job)
{
	const char *left = nic_there(job) ? ": what is left of it could not be taken away" : "";
	job_fail(job, job->trouble_outcome, job->hint, "%s%s", job->trouble, left);
}

static void nic_attach_ended(struct job *job)
{
	const struct store_device *device = nic_there(job);
	note_trouble(job);
	if (device && is_plugged(job, device)) {
		job_done(job, NULL);
	} else if (device) {
		if (!job->trouble) {
			job->trouble = device->error ? device->error : "its vif is not on the bridge";
			job->trouble_outcome = OUTCOME_TRANSIENT;
		}
		nic_clear(job, device, nic_attach_cleared);
	} else {
		fail_with_trouble(job, "xl network-attach has not attached it");
	}
}

/* On the command line the keys are words of their own. */
static void nic_attach_run(struct job *job)
{
	const struct Nic *nic = job->nic;
	char *error = NULL;
	if (!cfg_nic_fits(nic, &error)) {
		job_fail(job, OUTCOME_TERMINAL, NULL, "%s", error);
		free(error);
		return;
	}
	const char *ip = nic->ip && *nic->ip ? arena_format(job->arena, "ip=%s", nic->ip) : NULL;
	job_run(job,
		job_words(job, "xl", "network-attach", job_domid(job, job->domid),
			arena_format(job->arena, "mac=%s", nic->mac),
			arena_format(job->arena, "bridge=%s", nic->bridge), ip, NULL),
		job_left(job), nic_attach_ended);
}

/* xl would add a second one. */
static void nic_attach_look(struct job *job)
{
	if (!job_alive(job))
		return;
	const struct store_device *device = nic_there(job);
	if (!device)
		nic_attach_run(job);
	else if (is_plugged(job, device))
		job_done(job, "it was attached already");
	else if (device->fault == fault_none)
		job_fail(job, OUTCOME_TRANSIENT, NULL, "nic %lld has the address %s already, on %s",
			(long long)device->number, job->nic->mac,
			device->bridge ? device->bridge : "no bridge");
	else if (job->tries < CLEAR_TRIES)
		nic_clear(job, device, nic_attach_begin);
	else
		job_fail(job, OUTCOME_TRANSIENT, NULL,
			"what is left of an earlier nic %lld could not be taken away",
			(long long)device->number);
}

void nic_attach_begin(struct job *job)
{
	job_look(job, nic_attach_look);
}

static void nic_detach_ended(struct job *job)
{
	note_trouble(job);
	nic_detach_begin(job);
}

static void nic_detach_look(struct job *job)
{
	if (!job_alive(job))
		return;
	const struct store_device *device = nic_there(job);
	if (!device)
		job_done(job, NULL);
	else if (job->tries < CLEAR_TRIES)
		nic_clear(job, device, nic_detach_ended); /* xl forces it itself after 10 s */
	else
		fail_with_trouble(job, "it is still there");
}

void nic_detach_begin(struct job *job)
{
	job_look(job, nic_detach_look);
}
