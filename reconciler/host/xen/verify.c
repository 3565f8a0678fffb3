/* domain.verify: waits until the guest runs and its devices are connected. xl create returns before either is
 * sure: a qcow2 that QEMU cannot open shows only as a backend that stays in its first state. A guest without
 * drivers for its devices is not at fault; after some time it counts as verified, with a remark.
 *
 *   seen                               then
 *   absent, dying, rebooted            wait while xl's monitor lives, else failure
 *   ended otherwise                    failure: why it ended
 *   paused                             wait a little (a restart passes through it), else failure
 *   running, all backends connected    done
 *   running, a qdisk in state 1        failure with QEMU's own words, once it said some, or after a while
 *   running, others not connected      wait, then done with a remark
 */
#include "base/file.h"
#include "host/xen/job.h"
#include <fcntl.h>
#include <string.h>

enum {
	VERIFY_PACE = 300, /* ms between two looks */
	PAUSED_LIMIT = 10000,
	CONNECT_LIMIT = 20000,
	LOG_TAIL = 600, /* bytes */
};

/* What QEMU says about a disk that it cannot serve; NULL if it says nothing. */
const char *qemu_words(struct arena *arena, const char *name, const char *about)
{
	char tail[LOG_TAIL + 1];
	if (!name || strchr(name, '/'))
		return NULL;
	const char *path = arena_format(arena, "/var/log/xen/qemu-dm-%s.log", name);
	FD_SCOPED fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	ssize_t size = end < 0 ? -1 : pread(fd, tail, LOG_TAIL, end > LOG_TAIL ? end - LOG_TAIL : 0);
	if (size <= 0)
		return NULL;
	tail[size] = '\0';
	const char *words = NULL;
	for (char *rest = tail, *line; (line = strsep(&rest, "\n"));)
		if (*line && strstr(line, about))
			words = line;
	return arena_text(arena, words);
}

static void verify_again(struct job *job)
{
	if (runner_now() < job->deadline)
		job_sleep(job, VERIFY_PACE, verify_begin);
	else
		job_fail(job, OUTCOME_TRANSIENT, NULL, "it did not come up in time");
}

static const char *device_text(struct arena *arena, const struct store_device *device)
{
	return device->vdev ? arena_format(arena, "disk %s", device->vdev)
			    : arena_format(arena, "nic %lld", (long long)device->number);
}

/* Ends the job for a device that will not come; otherwise says whether it is still to be waited for. */
static bool device_waits(struct job *job, const struct store_device *device, int64_t age)
{
	const char *text = device_text(job->arena, device);
	if (device->state == BACKEND_CONNECTED)
		return false;
	if (device->error && *device->error)
		job_fail(job, OUTCOME_TERMINAL, "see /var/log/xen/xen-hotplug.log", "%s: %s", text,
			device->error);
	if (job->step && device->qdisk && device->state == BACKEND_INITIALISING) {
		const char *words = qemu_words(job->arena, job->name, "failed to create");
		const bool read_only = words && strstr(words, "node is read-only");
		if (words || age >= CONNECT_LIMIT)
			job_fail(job, words ? OUTCOME_TERMINAL : OUTCOME_TRANSIENT,
				read_only ? "this QEMU cannot serve a qcow2 read-only: put an overlay on it, "
					    "or make it raw"
					  : NULL,
				"%s is not served by QEMU: %s", text,
				words ? words : "its log does not say why");
	}
	return true;
}

static void verify_devices(struct job *job, const struct listed *listed)
{
	static const char *const kinds[] = {"vbd", "vif"};
	const int64_t age = runner_now() - job->since;
	const struct store_device *waits = NULL;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		struct list devices = store_devices(job->xen->store, job->arena, listed->domid, kinds[k]);
		for (uint32_t i = 0; i < devices.count && job->step; i++)
			if (device_waits(job, devices.item[i], age) && !waits)
				waits = devices.item[i];
	}
	if (!job->step)
		return;
	if (!waits)
		job_done(job, NULL);
	else if (age < CONNECT_LIMIT)
		verify_again(job);
	else
		job_done(job,
			arena_format(job->arena, "it runs, but has not connected %s (backend in state %lld)",
				device_text(job->arena, waits), (long long)waits->state));
}

static bool monitored(struct job *job)
{
	ARENA_SCOPED arena = arena_new();
	struct list processes = {0};
	xl_processes(arena, &processes);
	return xl_monitor(&processes, job->cfg, job->name) != NULL;
}

static void verify_look(struct job *job)
{
	const struct listed *listed;
	if (!job_listed(job, &listed))
		return;
	const int64_t now = runner_now();
	if (listed && listed->domid != job->domid) {
		job->domid = listed->domid;
		job->since = now;
	}
	const bool restarts = !listed || listed->power == found_power_Dying ||
			      (listed->power == found_power_Stopped && listed->ended == ended_reboot);
	const bool starts = listed && listed->power == found_power_Paused && now - job->since < PAUSED_LIMIT;
	if (starts || (restarts && monitored(job)))
		verify_again(job);
	else if (!listed || listed->power == found_power_Dying)
		job_fail(job, OUTCOME_TRANSIENT, NULL, "it is gone again");
	else if (listed->power == found_power_Stopped)
		job_fail(job, OUTCOME_TRANSIENT,
			"its console says more, where xenconsoled keeps it (--log=all)",
			"it ended by itself: %s", choice_ended[listed->ended]);
	else if (listed->power == found_power_Running)
		verify_devices(job, listed);
	else
		job_fail(job, OUTCOME_TRANSIENT, NULL, "it is paused");
}

void verify_begin(struct job *job)
{
	job_look(job, verify_look);
}
