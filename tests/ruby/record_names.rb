# Records what Sidekiq's own pages call jobs of every kind: one JSON array for each, the name and the message.
#
# core/src/format/ruby/recorded.jsonl was made by it with Sidekiq 6.4.1, ActiveJob and Action Mailer 6.1.7 (Debian 12:
# ruby-sidekiq, ruby-actionmailer) on a throw-away server. Sidekiq 7 and newer have no delayed extensions.
#
# Usage: PORT=6399 ruby record_names.rb > recorded.jsonl
require "json"
require "sidekiq"
require "sidekiq/api"
require "active_job"
require "active_job/queue_adapters/sidekiq_adapter"
require "action_mailer"

Sidekiq.configure_client { |config| config.redis = {url: "redis://127.0.0.1:#{ENV.fetch("PORT")}/0"} }
Sidekiq::Extensions.enable_delay!
ActiveJob::Base.logger = Logger.new(nil)
ActiveJob::Base.queue_adapter = :sidekiq
ActionMailer::Base.delivery_job = ActionMailer::MailDeliveryJob
ActionMailer::Base.deliver_later_queue_name = "mailers"

class UserMailer < ActionMailer::Base
  def welcome(*); end
  def bye(*, **); end
end

class OldMailer < ActionMailer::Base
  self.delivery_job = ActionMailer::DeliveryJob
  def hello(*); end
end

class InvoiceJob < ActiveJob::Base
  def perform(*); end
end

class Plain
  include Sidekiq::Worker
  def perform(*); end
end

class Report
  def self.build(*); end
end

module Admin
  class Report
    def self.build!; end
  end
end

UserMailer.welcome(42, "x").deliver_later
UserMailer.with(user: 7).bye(1).deliver_later
OldMailer.hello(3).deliver_later
InvoiceJob.perform_later(147107, "x")
Report.delay.build(7, "it's")
Admin::Report.delay(queue: "mailers").build!
UserMailer.delay.welcome(8)
Plain.perform_async(1, "two")

Sidekiq::Queue.all.each do |queue|
  queue.each { |job| puts JSON.generate([job.display_class, job.value]) }
end
